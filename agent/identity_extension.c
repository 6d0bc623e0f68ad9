/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity_extension.h"

#include <ctype.h>
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <string.h>

#include "agent/identity.h"
#include "base/json.h"
#include "base/text.h"
#include "base/util.h"

#define CODE_MAX 8

/* A number is small here: anything else is not a type nor a code. */
static json_t *number_text(const ASN1_INTEGER *number)
{
    int64_t value;

    if (ASN1_INTEGER_get_int64(&value, number) != 1 || value < 0)
        return NULL;
    return json_sprintf("%lld", (long long)value);
}

static json_t *string_text(const ASN1_STRING *string)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, string);
    json_t *text = len > 0 ? text_from_outside(utf8, (size_t)len, IDENTITY_TEXT_MAX) : NULL;

    OPENSSL_free(utf8);
    return text;
}

static json_t *value_text(const ASN1_TYPE *value)
{
    switch (ASN1_TYPE_get(value)) {
    case V_ASN1_INTEGER:
        return number_text(value->value.integer);
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_UTF8STRING:
    case V_ASN1_IA5STRING:
    case V_ASN1_T61STRING:
    case V_ASN1_NUMERICSTRING:
    case V_ASN1_BMPSTRING:
        return string_text(value->value.asn1_string);
    case V_ASN1_OCTET_STRING:
        return text_from_outside(ASN1_STRING_get0_data(value->value.octet_string),
                                 (size_t)ASN1_STRING_length(value->value.octet_string),
                                 IDENTITY_TEXT_MAX);
    default:
        return NULL;
    }
}

/* An encoding that is none is taken for the text itself. */
static json_t *octets_text(const ASN1_OCTET_STRING *octets)
{
    const unsigned char *start = ASN1_STRING_get0_data(octets);
    const unsigned char *at = start;
    int len = ASN1_STRING_length(octets);
    ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &at, len);
    json_t *text;

    if (value != NULL && at == start + len)
        text = value_text(value);
    else
        text = text_from_outside(start, (size_t)len, IDENTITY_TEXT_MAX);
    ASN1_TYPE_free(value);
    ERR_clear_error();
    return text;
}

json_t *identity_extension(const X509 *certificate, const char *oid)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    int at = object != NULL ? X509_get_ext_by_OBJ(certificate, object, -1) : -1;
    json_t *text = NULL;

    if (at >= 0)
        text = octets_text(X509_EXTENSION_get_data(X509_get_ext(certificate, at)));
    ASN1_OBJECT_free(object);
    return text;
}

json_t *identity_extension_code(const X509 *certificate, const char *oid)
{
    AUTO_JSON json_t *text = identity_extension(certificate, oid);
    const char *value = text != NULL ? json_string_value(text) : "";
    size_t len = strcspn(value, "^");

    if (len == 0 || len > CODE_MAX)
        return NULL;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)value[i]))
            return NULL;
    return json_stringn(value, len);
}
