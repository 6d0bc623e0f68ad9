/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/crl_list.h"
#include "agent/trust/crl.h"
#include "agent/trust/crl_table.h"
#include "agent/trust/ocsp.h"
#include "base/clock.h"
#include "certificates.h"

#define NOW 1700000000
#define DAY 86400
#define URL "http://authority.example/x.crl"

static const char *const authority_name[] = {"CN=TEST AUTHORITY", NULL};
static const char *const leaf_name[] = {"CN=899700001011", NULL};
static struct made authority, leaf;

static int set_up(void **state)
{
    (void)state;
    authority = make(&(struct plan){.subject = authority_name,
                                    .usage = "critical,keyCertSign,cRLSign",
                                    .is_ca = 1,
                                    .is_ec = 1,
                                    .from_s = NOW - DAY,
                                    .to_s = NOW + DAY});
    leaf = make(&(struct plan){.subject = leaf_name,
                               .issuer = &authority,
                               .usage = "critical,digitalSignature",
                               .is_ec = 1,
                               .from_s = NOW - DAY,
                               .to_s = NOW + DAY});
    clock_fake(-1, NOW);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    made_done(&authority);
    made_done(&leaf);
    clock_fake(-1, -1);
    return 0;
}

static void add_entry(X509_CRL *crl, const unsigned char *serial, size_t len, int reason)
{
    X509_REVOKED *entry = X509_REVOKED_new();
    BIGNUM *number = BN_bin2bn(serial, (int)len, NULL);
    ASN1_INTEGER *value = BN_to_ASN1_INTEGER(number, NULL);
    ASN1_ENUMERATED *code = ASN1_ENUMERATED_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, NOW - 100);

    X509_REVOKED_set_serialNumber(entry, value);
    X509_REVOKED_set_revocationDate(entry, when);
    ASN1_ENUMERATED_set(code, reason);
    if (reason >= 0)
        X509_REVOKED_add1_ext_i2d(entry, NID_crl_reason, code, 0, 0);
    assert_int_equal(X509_CRL_add0_revoked(crl, entry), 1);
    ASN1_TIME_free(when);
    ASN1_ENUMERATED_free(code);
    ASN1_INTEGER_free(value);
    BN_free(number);
}

/* A list of the leaf and of serial numbers of every length; DER, for OPENSSL_free(). */
static unsigned char *list_der(int64_t this_update_s, int *ret_len)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *last = ASN1_TIME_set(NULL, (time_t)this_update_s);
    ASN1_TIME *next = ASN1_TIME_set(NULL, (time_t)this_update_s + DAY);
    const ASN1_INTEGER *own = X509_get0_serialNumber(leaf.certificate);
    unsigned char serial[CRL_SERIAL_LEN];
    unsigned char *der = NULL;

    memset(serial, 0x7a, sizeof serial);
    X509_CRL_set_version(crl, X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(crl, X509_get_subject_name(authority.certificate));
    X509_CRL_set1_lastUpdate(crl, last);
    X509_CRL_set1_nextUpdate(crl, next);
    for (size_t len = 1; len <= sizeof serial; len++)
        add_entry(crl, serial, len, -1);
    add_entry(crl, ASN1_STRING_get0_data(own), (size_t)ASN1_STRING_length(own), 1);
    assert_true(X509_CRL_sign(crl, authority.key, EVP_sha256()) > 0);
    *ret_len = i2d_X509_CRL(crl, &der);
    assert_true(*ret_len > 0);
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    X509_CRL_free(crl);
    return der;
}

static cps_error read_list(const unsigned char *der, size_t len, struct crl_info *info,
                           struct fail *fail)
{
    X509_CRL *crl = NULL;
    cps_error error = crl_read(der, len, authority.certificate, URL, NULL, &crl, info, fail);

    assert_int_equal(crl != NULL, error == CPS_OK);
    X509_CRL_free(crl);
    return error;
}

static void a_list_and_its_table(void **state)
{
    struct crl_info info = {.number = "x"};
    X509_CRL *crl = NULL;
    struct fail fail = FAIL_INIT;
    struct crl_table *table;
    const struct crl_record *record;
    int len, fd = crl_table_memfd();
    unsigned char *der = list_der(NOW - 10, &len);

    (void)state;
    assert_int_equal(
        crl_read(der, (size_t)len, authority.certificate, URL, NULL, &crl, &info, &fail), CPS_OK);
    assert_int_equal(info.entries, 21);
    assert_string_equal(info.number, "");
    assert_int_equal(info.this_update_s, NOW - 10);
    assert_int_equal(info.next_update_s, NOW - 10 + DAY);
    assert_int_equal(crl_table_write(crl, fd, &fail), CPS_OK);
    table = crl_table_open(fd);
    assert_non_null(table);
    record = crl_table_find(table, leaf.certificate);
    assert_non_null(record);
    assert_int_equal(record->revoked_at_s, NOW - 100);
    assert_string_equal(crl_reason_name(record->reason), "keyCompromise");
    assert_null(crl_table_find(table, authority.certificate));
    assert_int_equal(write(fd, "x", 1), -1); /* sealed */
    assert_int_equal(ftruncate(fd, 0), -1);
    crl_table_free(table);
    close(fd);
    X509_CRL_free(crl);
    OPENSSL_free(der);
}

/* Cut anywhere, or with any bit changed, it is not a list any more; and nothing breaks. */
static void broken_lists(void **state)
{
    struct crl_info info;
    struct fail fail;
    int len;
    unsigned char *der = list_der(NOW - 10, &len);

    (void)state;
    for (int cut = 0; cut < len; cut++)
        assert_int_equal(read_list(der, (size_t)cut, &info, &fail), CPS_REVOCATION_UNKNOWN);
    for (int at = 0; at < len; at++) {
        unsigned char kept = der[at];

        der[at] ^= (unsigned char)(1U << (at % 8));
        assert_int_equal(read_list(der, (size_t)len, &info, &fail), CPS_REVOCATION_UNKNOWN);
        assert_true(fail.reason[0] != '\0');
        der[at] = kept;
    }
    assert_int_equal(read_list(der, (size_t)len, &info, &fail), CPS_OK);
    OPENSSL_free(der);
}

static void tables_out_of_shape(void **state)
{
    int fd = crl_table_memfd();

    (void)state;
    assert_int_equal(write(fd, "12345", 5), 5);
    assert_null(crl_table_open(fd));
    close(fd);
    assert_null(crl_table_open(0)); /* cannot be sealed */
    fd = crl_table_memfd();
    {
        struct crl_table *empty = crl_table_open(fd);

        assert_non_null(empty);
        assert_null(crl_table_find(empty, leaf.certificate));
        crl_table_free(empty);
    }
    close(fd);
}

static void broken_answers(void **state)
{
    struct ocsp *ocsp = ocsp_new(leaf.certificate, authority.certificate);
    struct ocsp_answer answer;
    struct fail fail;
    unsigned char *question = NULL;
    int len = ocsp_request(ocsp, &question);
    static const unsigned char unauthorized[] = {0x30, 0x03, 0x0a, 0x01, 0x06};

    (void)state;
    assert_true(len > 0);
    assert_int_equal(ocsp_check(ocsp, question, (size_t)len, &answer, &fail),
                     CPS_REVOCATION_UNKNOWN);
    assert_string_equal(fail.reason, "malformed");
    assert_int_equal(ocsp_check(ocsp, unauthorized, sizeof unauthorized, &answer, &fail),
                     CPS_REVOCATION_UNKNOWN);
    assert_string_equal(fail.reason, "refused");
    assert_int_equal(ocsp_check(ocsp, "", 0, &answer, &fail), CPS_REVOCATION_UNKNOWN);
    OPENSSL_free(question);
    ocsp_free(ocsp);
}

static int64_t delay(int64_t age_s, int64_t validity_s, int64_t refresh_s, unsigned failures,
                     unsigned random)
{
    return crl_list_delay_s(NOW, NOW - age_s, NOW - age_s, NOW - age_s + validity_s, refresh_s,
                            failures, random);
}

static void when_to_fetch_again(void **state)
{
    (void)state;
    assert_int_equal(delay(0, 7 * DAY, DAY / 2, 0, 0), DAY / 2);
    assert_int_equal(delay(3600, 7 * DAY, DAY / 2, 0, 0), DAY / 2 - 3600);
    assert_int_equal(delay(0, 3600, DAY / 2, 0, 0), 3240); /* before the next one is due */
    assert_int_equal(delay(DAY, 7 * DAY, DAY / 2, 0, 0), 45);
    assert_int_equal(delay(DAY, 3600, DAY / 2, 0, 255), 45); /* a server that serves old lists */
    assert_int_equal(delay(-10 * DAY, 30 * DAY, DAY / 2, 0, 0), DAY / 2); /* the clock went back */
    assert_int_equal(delay(0, DAY, DAY, 1, 0), 60);
    assert_int_equal(delay(0, DAY, DAY, 2, 0), 120);
    assert_int_equal(delay(0, DAY, DAY, 7, 0), 3600);
    assert_int_equal(delay(0, DAY, DAY, 1000000, 0), 3600);
    assert_int_equal(delay(0, DAY, DAY, 7, 255), 3600 - 3600 * 255 / 1280);
    assert_in_range(delay(0, 7 * DAY, DAY / 2, 0, 128), DAY / 2 * 4 / 5, DAY / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_and_its_table), cmocka_unit_test(broken_lists),
        cmocka_unit_test(tables_out_of_shape),  cmocka_unit_test(broken_answers),
        cmocka_unit_test(when_to_fetch_again),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
