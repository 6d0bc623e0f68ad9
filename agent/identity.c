/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/proto.h"
#include "base/util.h"

/* Longest attribute taken from a subject, in bytes of UTF-8. */
#define ATTRIBUTE_MAX 256

X509 *identity_parse(const char *der_base64url)
{
    uint8_t der[PROTO_CERTIFICATE_MAX];
    ptrdiff_t len = b64_decode(der_base64url, strlen(der_base64url), der, sizeof der);
    const uint8_t *at = der;
    X509 *certificate;

    if (len <= 0)
        return NULL;
    certificate = d2i_X509(NULL, &at, (long)len);
    if (certificate != NULL && at != der + len) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

/* Letters only: a control character in a name has no honest use on a screen or in a log. */
static bool is_printable(const unsigned char *utf8, int len)
{
    for (int i = 0; i < len; i++)
        if (utf8[i] < 0x20 || utf8[i] == 0x7f)
            return false;
    return len > 0 && len <= ATTRIBUTE_MAX;
}

/* The attribute as a JSON string, or NULL when absent, too long, or not text. */
static json_t *attribute(const X509_NAME *name, int nid)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    unsigned char *utf8 = NULL;
    json_t *text = NULL;
    int len;

    if (at < 0)
        return NULL;
    len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (is_printable(utf8, len))
        text = json_stringn((const char *)utf8, (size_t)len);
    OPENSSL_free(utf8);
    return text;
}

json_t *identity_holder(X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    AUTO_JSON json_t *id = attribute(subject, NID_commonName);
    AUTO_JSON json_t *family = attribute(subject, NID_surname);
    AUTO_JSON json_t *given = attribute(subject, NID_givenName);
    AUTO_JSON json_t *title = attribute(subject, NID_title);

    if (id == NULL || family == NULL)
        return NULL;
    return json_pack(
        "{s:o, s:O, s:O, s:O*, s:O*}", "name",
        given != NULL ? json_sprintf("%s %s", json_string_value(given), json_string_value(family))
                      : json_incref(family),
        "national_id", id, "family_name", family, "given_name", given, "profession", title);
}

static char *bio_text(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);

    return len > 0 ? strndup(data, (size_t)len) : NULL;
}

char *identity_name_text(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (bio != NULL &&
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
        text = bio_text(bio);
    BIO_free(bio);
    return text;
}

char *identity_serial(const X509 *certificate)
{
    BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), NULL);
    char *hex = number != NULL ? BN_bn2hex(number) : NULL;
    char *text = hex != NULL ? strdup(hex) : NULL;

    BN_free(number);
    OPENSSL_free(hex);
    return text;
}

char *identity_pem(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;

    if (bio != NULL && PEM_write_bio_X509(bio, certificate) == 1)
        text = bio_text(bio);
    BIO_free(bio);
    return text;
}
