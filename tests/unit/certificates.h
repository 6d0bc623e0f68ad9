/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for tests, made on the spot: invented people, keys of one test run. */
#ifndef TESTS_UNIT_CERTIFICATES_H
#define TESTS_UNIT_CERTIFICATES_H

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct made {
    X509 *certificate;
    EVP_PKEY *key;
};

/* Attributes as "field=value", ended by NULL; usage: of X509v3 keyUsage, or NULL. */
struct plan {
    const char *const *subject;
    const struct made *issuer; /* NULL: self-signed */
    const char *usage;
    int is_ca;
    int is_ec;
    int64_t from_s; /* seconds since 1970 */
    int64_t to_s;
};

static void made_done(struct made *made)
{
    X509_free(made->certificate);
    EVP_PKEY_free(made->key);
}

static void add_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX context;
    X509_EXTENSION *extension;

    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

static void set_subject(X509 *certificate, const char *const *subject)
{
    X509_NAME *name = X509_NAME_new();

    for (; *subject != NULL; subject++) {
        const char *value = strchr(*subject, '=') + 1;
        char field[16] = "";

        memcpy(field, *subject, (size_t)(value - 1 - *subject));
        assert_int_equal(X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
                                                    (const unsigned char *)value, -1, -1, 0),
                         1);
    }
    assert_int_equal(X509_set_subject_name(certificate, name), 1);
    X509_NAME_free(name);
}

static struct made make(const struct plan *plan)
{
    static long serial = 1;
    struct made made = {.certificate = X509_new()};
    const struct made *issuer = plan->issuer != NULL ? plan->issuer : &made;

    made.key = plan->is_ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
    assert_non_null(made.key);
    X509_set_version(made.certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.certificate), serial++);
    ASN1_TIME_set(X509_getm_notBefore(made.certificate), (time_t)plan->from_s);
    ASN1_TIME_set(X509_getm_notAfter(made.certificate), (time_t)plan->to_s);
    set_subject(made.certificate, plan->subject);
    X509_set_issuer_name(made.certificate, X509_get_subject_name(issuer->certificate));
    X509_set_pubkey(made.certificate, made.key);
    add_extension(made.certificate, issuer->certificate, NID_basic_constraints,
                  plan->is_ca ? "critical,CA:TRUE" : "CA:FALSE");
    if (plan->usage != NULL)
        add_extension(made.certificate, issuer->certificate, NID_key_usage, plan->usage);
    assert_true(X509_sign(made.certificate, issuer->key, EVP_sha256()) > 0);
    return made;
}

#endif
