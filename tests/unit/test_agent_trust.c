/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/trust.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/util.h"
#include "certificates.h"

#define YEAR 31536000
#define NOW  1700000000

static const char *const root_name[] = {"CN=TEST ROOT", NULL};
static const char *const middle_name[] = {"CN=TEST MIDDLE", NULL};
static const char *const leaf_name[] = {"CN=899700001011", "SN=VALMONT1011", NULL};

static struct made root, middle, leaf;
static char dir[] = "/tmp/cps-test-trust-XXXXXX";

static struct made authority(const char *const *name, const struct made *issuer)
{
    return make(&(struct plan){.subject = name,
                               .issuer = issuer,
                               .usage = "critical,keyCertSign,cRLSign",
                               .is_ca = 1,
                               .is_ec = 1,
                               .from_s = NOW - 10 * YEAR,
                               .to_s = NOW + 10 * YEAR});
}

static struct made leaf_of(const struct made *issuer, const char *usage)
{
    return make(&(struct plan){.subject = leaf_name,
                               .issuer = issuer,
                               .usage = usage,
                               .from_s = NOW - YEAR,
                               .to_s = NOW + YEAR});
}

static int set_up(void **state)
{
    (void)state;
    root = authority(root_name, NULL);
    middle = authority(middle_name, &root);
    leaf = leaf_of(&middle, "critical,digitalSignature");
    clock_fake(-1, NOW);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_done(&root);
    made_done(&middle);
    made_done(&leaf);
    clock_fake(-1, -1);
    return 0;
}

/* A trust directory of these certificates, one file each; NULL-ended. */
static struct trust *trust_in(const struct made *const *certificates, struct fail *fail)
{
    struct trust *trust;
    char path[64];
    int n = 0;

    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/test", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (; certificates[n] != NULL; n++) {
        FILE *file;

        snprintf(path, sizeof path, "%s/test/%d.pem", dir, n);
        file = fopen(path, "we");
        assert_non_null(file);
        assert_int_equal(PEM_write_X509(file, certificates[n]->certificate), 1);
        fclose(file);
    }
    trust = trust_new(dir, true, fail);
    while (n-- > 0) {
        snprintf(path, sizeof path, "%s/test/%d.pem", dir, n);
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/test", dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(dir), 0);
    return trust;
}

static cps_error checked(const struct made *const *certificates, const struct made *subject)
{
    struct fail fail;
    struct trust *trust = trust_in(certificates, &fail);
    cps_error error;

    assert_non_null(trust);
    error = trust_check(trust, subject->certificate, &fail);
    trust_free(trust);
    return error;
}

#define TRUSTING(...)                                                                              \
    (const struct made *const[])                                                                   \
    {                                                                                              \
        __VA_ARGS__, NULL                                                                          \
    }

static void a_chain_to_an_anchor(void **state)
{
    (void)state;
    assert_int_equal(checked(TRUSTING(&root, &middle), &leaf), CPS_OK);
    assert_int_equal(checked(TRUSTING(&middle, &root), &leaf), CPS_OK);
}

static void no_chain(void **state)
{
    struct made other = authority(root_name, NULL); /* the same name, another key */
    struct made own = leaf_of(NULL, "critical,digitalSignature");

    (void)state;
    assert_int_equal(checked(TRUSTING(NULL), &leaf), CPS_CERTIFICATE_UNTRUSTED);
    assert_int_equal(checked(TRUSTING(&root), &leaf), CPS_CERTIFICATE_UNTRUSTED);
    assert_int_equal(checked(TRUSTING(&middle), &leaf), CPS_CERTIFICATE_UNTRUSTED);
    assert_int_not_equal(checked(TRUSTING(&other, &middle), &leaf), CPS_OK);
    assert_int_equal(checked(TRUSTING(&root, &middle), &own), CPS_CERTIFICATE_UNTRUSTED);
    made_done(&other);
    made_done(&own);
}

static void dates(void **state)
{
    static const struct {
        int64_t now_s;
        cps_error error;
    } cases[] = {{NOW - YEAR - 1, CPS_CERTIFICATE_EXPIRED},
                 {NOW - YEAR + 1, CPS_OK},
                 {NOW + YEAR - 1, CPS_OK},
                 {NOW + YEAR + 1, CPS_CERTIFICATE_EXPIRED},
                 {NOW + 20 * (int64_t)YEAR, CPS_CERTIFICATE_EXPIRED}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        clock_fake(-1, cases[i].now_s);
        assert_int_equal(checked(TRUSTING(&root, &middle), &leaf), cases[i].error);
    }
    clock_fake(-1, NOW);
}

static void key_usage(void **state)
{
    static const char *const bad[] = {"critical,nonRepudiation", "critical,keyEncipherment", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct made other = leaf_of(&middle, bad[i]);

        assert_int_equal(checked(TRUSTING(&root, &middle), &other), CPS_CERTIFICATE_INVALID);
        made_done(&other);
    }
}

/* A holder's certificate must not issue another one. */
static void a_leaf_is_no_authority(void **state)
{
    static const char *const name[] = {"CN=899700002022", "SN=BRISSAC2022", NULL};
    struct made forged = make(&(struct plan){.subject = name,
                                             .issuer = &leaf,
                                             .usage = "critical,digitalSignature",
                                             .from_s = NOW - YEAR,
                                             .to_s = NOW + YEAR});
    struct fail fail;

    (void)state;
    assert_int_not_equal(checked(TRUSTING(&root, &middle), &forged), CPS_OK);
    assert_null(trust_in(TRUSTING(&root, &middle, &leaf), &fail));
    assert_int_equal(fail.code, CPS_CONFIGURATION);
    made_done(&forged);
}

static void a_changed_certificate(void **state)
{
    struct made forged = leaf_of(&middle, "critical,digitalSignature");

    (void)state;
    ASN1_INTEGER_set(X509_get_serialNumber(forged.certificate), 12345); /* after it was signed */
    assert_int_equal(checked(TRUSTING(&root, &middle), &forged), CPS_CERTIFICATE_INVALID);
    made_done(&forged);
}

static void no_directory_trusts_nobody(void **state)
{
    struct fail fail;
    struct trust *trust = trust_new("/nonexistent/trust", true, &fail);

    (void)state;
    assert_non_null(trust);
    assert_int_equal(trust_anchors(trust), 0);
    assert_int_equal(trust_check(trust, leaf.certificate, &fail), CPS_CERTIFICATE_UNTRUSTED);
    trust_free(trust);
    assert_null(trust_new("/dev/null", false, &fail));
    assert_int_equal(fail.code, CPS_CONFIGURATION);
}

/* Signs data, base64url; padding as OpenSSL numbers it, 0 for a key that has none. */
static char *sign(EVP_PKEY *key, const char *digest, int padding, const char *data)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    uint8_t bytes[512];
    size_t len = sizeof bytes;

    assert_int_equal(EVP_DigestSignInit_ex(context, &key_context, digest, NULL, NULL, key, NULL),
                     1);
    if (padding != 0)
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(key_context, padding), 1);
    assert_int_equal(EVP_DigestSign(context, bytes, &len, (const uint8_t *)data, strlen(data)), 1);
    EVP_MD_CTX_free(context);
    return b64_encode(bytes, len);
}

static bool signature_accepted(X509 *certificate, const char *signature)
{
    struct fail fail;
    cps_error error =
        trust_check_signature(certificate, (const uint8_t *)"challenge", 9, signature, &fail);

    assert_true(error == CPS_OK || error == CPS_SIGNATURE_INVALID);
    return error == CPS_OK;
}

static void signatures(void **state)
{
    struct made other = leaf_of(&middle, "critical,digitalSignature");
    struct made elliptic = make(
        &(struct plan){.subject = leaf_name, .is_ec = 1, .from_s = NOW - YEAR, .to_s = NOW + YEAR});
    const struct {
        char *text;
        X509 *certificate;
        bool good;
    } cases[] = {
        {sign(leaf.key, "SHA256", RSA_PKCS1_PADDING, "challenge"), leaf.certificate, true},
        {sign(leaf.key, "SHA256", RSA_PKCS1_PADDING, "challengf"), leaf.certificate, false},
        {sign(leaf.key, "SHA1", RSA_PKCS1_PADDING, "challenge"), leaf.certificate, false},
        {sign(leaf.key, "SHA512", RSA_PKCS1_PADDING, "challenge"), leaf.certificate, false},
        {sign(leaf.key, "SHA256", RSA_PKCS1_PSS_PADDING, "challenge"), leaf.certificate, false},
        {sign(other.key, "SHA256", RSA_PKCS1_PADDING, "challenge"), leaf.certificate, false},
        {sign(elliptic.key, "SHA256", 0, "challenge"), elliptic.certificate, false},
        {strdup(""), leaf.certificate, false},
        {strdup("AAAA"), leaf.certificate, false},
        {strdup("not base64url!"), leaf.certificate, false},
        {b64_encode((const uint8_t[600]){0}, 600), leaf.certificate, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(signature_accepted(cases[i].certificate, cases[i].text), cases[i].good);
        free(cases[i].text);
    }
    made_done(&other);
    made_done(&elliptic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_to_an_anchor),
        cmocka_unit_test(no_chain),
        cmocka_unit_test(dates),
        cmocka_unit_test(key_usage),
        cmocka_unit_test(a_leaf_is_no_authority),
        cmocka_unit_test(a_changed_certificate),
        cmocka_unit_test(no_directory_trusts_nobody),
        cmocka_unit_test(signatures),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
