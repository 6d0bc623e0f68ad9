/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/trust/bundle.h"
#include "agent/trust/lines.h"
#include "agent/trust/store.h"
#include "base/util.h"
#include "certificates.h"

#define NOW 1700000000

static const char *const name[] = {"CN=TEST ROOT", NULL};
static struct made root;
static char dir[] = "/tmp/cps-test-store-XXXXXX";

static int set_up(void **state)
{
    char path[64];

    (void)state;
    root = make(&(struct plan){.subject = name,
                               .usage = "critical,keyCertSign,cRLSign",
                               .is_ca = 1,
                               .is_ec = 1,
                               .from_s = NOW,
                               .to_s = NOW + 1000});
    if (mkdtemp(dir) == NULL)
        return -1;
    snprintf(path, sizeof path, "%s/test", dir);
    return mkdir(path, 0700);
}

static int tear_down(void **state)
{
    char path[64];

    (void)state;
    made_done(&root);
    snprintf(path, sizeof path, "%s/test", dir);
    rmdir(path);
    return rmdir(dir);
}

static void put(const char *file, const char *text)
{
    char path[64];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, file);
    f = fopen(path, "we");
    assert_non_null(f);
    if (text != NULL)
        fputs(text, f);
    else
        assert_int_equal(PEM_write_X509(f, root.certificate), 1);
    fclose(f);
}

static void gone(const char *file)
{
    char path[64];

    snprintf(path, sizeof path, "%s/%s", dir, file);
    assert_int_equal(unlink(path), 0);
}

static int count(bool test, cps_error *ret_error)
{
    struct store *store = NULL;
    struct fail fail = FAIL_INIT;
    int n = -1;

    *ret_error = store_read(dir, test, &store, &fail);
    if (store != NULL)
        n = (int)store->n;
    store_free(store);
    return n;
}

/* Only what is vouched for is read; a test authority only where it is asked for. */
static void what_counts(void **state)
{
    char fingerprint[FINGERPRINT_SIZE], line[FINGERPRINT_SIZE + 64];
    cps_error error;

    (void)state;
    fingerprint_of(root.certificate, fingerprint);
    put("a.pem", NULL);
    assert_int_equal(count(false, &error), -1);
    assert_int_equal(error, CPS_CONFIGURATION);
    snprintf(line, sizeof line, "%s The hospital's own\n", fingerprint);
    put(STORE_APPROVED, line);
    assert_int_equal(count(false, &error), 1);
    line[0] = line[0] == '0' ? '1' : '0';
    put(STORE_APPROVED, line);
    assert_int_equal(count(false, &error), -1);
    line[FINGERPRINT_SIZE - 1] = '\0'; /* a fingerprint without a name */
    put(STORE_APPROVED, line);
    assert_int_equal(count(false, &error), -1);
    gone("a.pem");
    gone(STORE_APPROVED);
    put("test/a.pem", NULL);
    assert_int_equal(count(false, &error), 0);
    assert_int_equal(count(true, &error), 1);
    gone("test/a.pem");
    put("a.pem", "hello");
    assert_int_equal(count(false, &error), -1);
    gone("a.pem");
    put("a.txt", "hello");
    put(".a.pem", "hello");
    assert_int_equal(count(false, &error), 0);
    gone("a.txt");
    gone(".a.pem");
}

static void fingerprints(void **state)
{
    static const char good[] = "53d30a19570826bde0c0762501f1f1c7a659f976c6c023123df5239df34a4eea";
    char text[FINGERPRINT_SIZE], colons[3 * 32] = "";
    static const char *const bad[] = {
        "", "53d3", "53d30a19570826bde0c0762501f1f1c7a659f976c6c023123df5239df34a4eeag",
        "53d30a19570826bde0c0762501f1f1c7a659f976c6c023123df5239df34a4ee",
        "5:3d30a19570826bde0c0762501f1f1c7a659f976c6c023123df5239df34a4eea"};

    (void)state;
    for (int i = 0; i < 32; i++)
        sprintf(colons + strlen(colons), "%s%c%c", i > 0 ? ":" : "",
                good[2 * i] >= 'a' ? good[2 * i] - 32 : good[2 * i], good[2 * i + 1]);
    assert_int_equal(fingerprint_parse(colons, text), 0);
    assert_string_equal(text, good);
    assert_string_equal(pins_name(good), "AC RACINE IGC-SANTE FORT");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(fingerprint_parse(bad[i], text), -1);
    fingerprint_of(root.certificate, text);
    assert_null(pins_name(text));
}

static int parsed(const void *data, size_t len)
{
    STACK_OF(X509) *certificates = NULL;
    struct fail fail;
    int n;

    if (bundle_parse(data, len, &certificates, &fail) != CPS_OK) {
        assert_int_equal(fail.code, CPS_CONFIGURATION);
        return -1;
    }
    n = sk_X509_num(certificates);
    sk_X509_pop_free(certificates, X509_free);
    return n;
}

/* n copies of the certificate as PKCS#7; the caller frees it. */
static unsigned char *pkcs7_of(int n, int *ret_len)
{
    PKCS7 *bundle = PKCS7_new();
    unsigned char *der = NULL;

    PKCS7_set_type(bundle, NID_pkcs7_signed);
    PKCS7_content_new(bundle, NID_pkcs7_data);
    for (int i = 0; i < n; i++)
        PKCS7_add_certificate(bundle, root.certificate);
    *ret_len = i2d_PKCS7(bundle, &der);
    assert_true(*ret_len > 0);
    PKCS7_free(bundle);
    return der;
}

static void wrappings(void **state)
{
    unsigned char *der = NULL;
    int len = i2d_X509(root.certificate, &der);
    unsigned char *bundle;
    char *pem;
    long pem_len;
    BIO *bio = BIO_new(BIO_s_mem());

    (void)state;
    assert_int_equal(parsed(der, (size_t)len), 1);
    for (int cut = 0; cut < len; cut += 7)
        assert_int_equal(parsed(der, (size_t)cut), -1);
    BIO_puts(bio, "subject=somebody\n");
    PEM_write_bio_X509(bio, root.certificate);
    BIO_puts(bio, "\n# and again\n");
    PEM_write_bio_X509(bio, root.certificate);
    pem_len = BIO_get_mem_data(bio, &pem);
    assert_int_equal(parsed(pem, (size_t)pem_len), 2);
    assert_int_equal(parsed(pem, (size_t)pem_len - 40), -1); /* the second one is cut */
    PEM_write_bio_PrivateKey(bio, root.key, NULL, NULL, 0, NULL, NULL);
    pem_len = BIO_get_mem_data(bio, &pem);
    assert_int_equal(parsed(pem, (size_t)pem_len), -1); /* a key has no place in a bundle */
    BIO_free(bio);
    OPENSSL_free(der);
    bundle = pkcs7_of(3, &len);
    assert_int_equal(parsed(bundle, (size_t)len), 3);
    assert_int_equal(parsed(bundle, (size_t)len - 1), -1);
    OPENSSL_free(bundle);
    bundle = pkcs7_of(BUNDLE_CERTIFICATES_MAX + 1, &len);
    assert_int_equal(parsed(bundle, (size_t)len), -1);
    OPENSSL_free(bundle);
    assert_int_equal(parsed("", 0), -1);
    assert_int_equal(parsed("<html>", 6), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_counts),
        cmocka_unit_test(fingerprints),
        cmocka_unit_test(wrappings),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
