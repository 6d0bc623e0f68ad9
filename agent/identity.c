/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity_extension.h"
#include "agent/national_id.h"
#include "base/b64.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/text.h"
#include "base/util.h"

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

static json_t *entry_text(const X509_NAME *name, int at)
{
    unsigned char *utf8 = NULL;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    json_t *text = len > 0 ? text_from_outside(utf8, (size_t)len, IDENTITY_TEXT_MAX) : NULL;

    OPENSSL_free(utf8);
    return text;
}

/* The first attribute of that type that is text, wherever it stands in the name; or NULL. */
static json_t *attribute(const X509_NAME *name, int nid)
{
    for (int at = X509_NAME_get_index_by_NID(name, nid, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(name, nid, at)) {
        json_t *text = entry_text(name, at);

        if (text != NULL)
            return text;
    }
    return NULL;
}

/*
 * Several common names may stand there: the identifier is the one that has its form. Two of them
 * that differ leave open who it is: none.
 */
static json_t *identifier(const X509_NAME *name)
{
    AUTO_JSON json_t *found = NULL;

    for (int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(name, NID_commonName, at)) {
        AUTO_JSON json_t *text = entry_text(name, at);

        if (text == NULL || !national_id_valid(json_string_value(text)))
            continue;
        if (found != NULL && !json_equal(found, text))
            return NULL;
        json_decref(found);
        found = TAKE_PTR(text);
    }
    return TAKE_PTR(found);
}

static void add(json_t *to, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set_new(to, key, value);
}

static void add_structure(json_t *holder, const X509_NAME *subject)
{
    json_t *structure = json_object();

    add(structure, "name", attribute(subject, NID_organizationName));
    add(structure, "locality", attribute(subject, NID_localityName));
    add(structure, "id", attribute(subject, NID_organizationalUnitName));
    if (json_object_size(structure) > 0)
        json_object_set(holder, "structure", structure);
    json_decref(structure);
}

static void add_person(json_t *holder, json_t *id, json_t *family, json_t *given)
{
    const char *type = national_id_type(json_string_value(id));

    json_object_set_new(
        holder, "name",
        given != NULL ? json_sprintf("%s %s", json_string_value(given), json_string_value(family))
                      : json_incref(family));
    json_object_set(holder, "family_name", family);
    json_object_set(holder, "national_id", id);
    if (given != NULL)
        json_object_set(holder, "given_name", given);
    if (type != NULL)
        json_object_set_new(holder, "national_id_type", json_string(type));
}

json_t *identity_holder(X509 *certificate)
{
    const X509_NAME *subject = X509_get_subject_name(certificate);
    json_t *holder = json_pack("{s:s}", "source", "certificate");
    AUTO_JSON json_t *id = identifier(subject);
    AUTO_JSON json_t *family = attribute(subject, NID_surname);
    AUTO_JSON json_t *given = attribute(subject, NID_givenName);

    if (id != NULL && family != NULL)
        add_person(holder, id, family, given);
    else
        add(holder, "common_name", attribute(subject, NID_commonName));
    add(holder, "profession", attribute(subject, NID_title));
    add(holder, "profession_code", identity_extension_code(certificate, IDENTITY_OID_PROFESSION));
    add(holder, "speciality", identity_extension_code(certificate, IDENTITY_OID_SPECIALITY));
    add_structure(holder, subject);
    return holder;
}

bool identity_is_person(const json_t *holder)
{
    return json_get_string(holder, "name") != NULL;
}

const char *identity_subject(const json_t *holder)
{
    const char *id = json_get_string(holder, "national_id");

    return id != NULL ? id : json_get_string(holder, "internal_id");
}

json_t *identity_complete(json_t *holder, const json_t *info)
{
    const char *id = json_get_string(info, "national_id");
    const char *own_id = json_get_string(holder, "national_id");
    const char *speciality = json_get_string(info, "speciality");
    json_t *complete;

    if (speciality == NULL || !text_is_plain(speciality, IDENTITY_TEXT_MAX) ||
        json_object_get(holder, "speciality") != NULL || own_id == NULL ||
        (id != NULL && strcmp(id, own_id) != 0))
        return json_incref(holder);
    complete = json_copy(holder);
    json_object_set_new(complete, "speciality", json_string(speciality));
    return complete;
}

/* 0 to 3; -1: not there, or something else */
static int card_type_in(const X509 *certificate, const char *oid)
{
    AUTO_JSON json_t *text = identity_extension(certificate, oid);
    const char *value = text != NULL ? json_string_value(text) : "";

    return strlen(value) == 1 && value[0] >= '0' && value[0] <= '3' ? value[0] - '0' : -1;
}

const char *identity_card_type(X509 *certificate)
{
    static const char *const types[] = {"CPS", "CPF", "CPE", "CPA"};
    int one = card_type_in(certificate, IDENTITY_OID_CARD_TYPE);
    int other = card_type_in(certificate, IDENTITY_OID_CARD_ID);

    if (one < 0)
        one = other;
    if (one < 0 || (other >= 0 && other != one))
        return NULL;
    return types[one];
}

int64_t identity_time(const ASN1_TIME *time)
{
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    int days = 0, seconds = 0;

    if (epoch == NULL || ASN1_TIME_diff(&days, &seconds, epoch, time) != 1)
        days = seconds = 0;
    ASN1_TIME_free(epoch);
    return (int64_t)days * 86400 + seconds;
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
