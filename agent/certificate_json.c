/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/certificate_json.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#include "base/b64.h"
#include "base/util.h"

static void set_bytes(json_t *object, const char *key, const unsigned char *bytes, int len)
{
    AUTO_FREE char *text = len > 0 ? b64_encode(bytes, (size_t)len) : NULL;

    if (text != NULL)
        json_object_set_new(object, key, json_string(text));
}

static void set_name(json_t *object, const char *key, const X509_NAME *name)
{
    unsigned char *der = NULL;
    int len = i2d_X509_NAME(name, &der);

    set_bytes(object, key, der, len);
    OPENSSL_free(der);
}

static void set_serial(json_t *object, const X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_ASN1_INTEGER(X509_get0_serialNumber(certificate), &der);

    set_bytes(object, "serial_number", der, len);
    OPENSSL_free(der);
}

static void set_date(json_t *object, const char *key, const ASN1_TIME *time)
{
    char text[32];
    struct tm tm;

    if (ASN1_TIME_to_tm(time, &tm) != 1 || strftime(text, sizeof text, "%Y%m%d", &tm) != 8)
        return;
    json_object_set_new(object, key, json_string(text));
}

static void set_number(json_t *object, const char *key, const EVP_PKEY *pkey, const char *param)
{
    BIGNUM *number = NULL;
    unsigned char bytes[1024];

    if (EVP_PKEY_get_bn_param(pkey, param, &number) == 1 &&
        BN_num_bytes(number) <= (int)sizeof bytes)
        set_bytes(object, key, bytes, BN_bn2bin(number, bytes));
    BN_free(number);
}

char *certificate_json_text(X509 *certificate)
{
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);
    char *text = len > 0 ? b64_encode(der, (size_t)len) : NULL;

    OPENSSL_free(der);
    return text;
}

json_t *certificate_json_parts(X509 *certificate)
{
    json_t *parts = json_object();
    const EVP_PKEY *pkey = X509_get0_pubkey(certificate);
    unsigned char *der = NULL;
    int len = i2d_X509(certificate, &der);

    set_bytes(parts, "der", der, len);
    OPENSSL_free(der);
    set_name(parts, "subject", X509_get_subject_name(certificate));
    set_name(parts, "issuer", X509_get_issuer_name(certificate));
    set_serial(parts, certificate);
    set_date(parts, "start_date", X509_get0_notBefore(certificate));
    set_date(parts, "end_date", X509_get0_notAfter(certificate));
    if (pkey != NULL && EVP_PKEY_is_a(pkey, "RSA")) {
        set_number(parts, "modulus", pkey, OSSL_PKEY_PARAM_RSA_N);
        set_number(parts, "exponent", pkey, OSSL_PKEY_PARAM_RSA_E);
    }
    return parts;
}
