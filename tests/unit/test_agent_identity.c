/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "base/b64.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"
#include "certificates.h"

static struct made person(const char *const *subject)
{
    return make(&(struct plan){.subject = subject, .is_ec = 1, .from_s = 0, .to_s = 1 << 30});
}

static json_t *holder_of(const char *const *subject)
{
    struct made made = person(subject);
    json_t *holder = identity_holder(made.certificate);

    made_done(&made);
    return holder;
}

static void a_person_as_cards_name_them(void **state)
{
    static const char *const subject[] = {"C=FR",           "title=Médecin", "CN=899700001011",
                                          "SN=VALMONT1011", "GN=ADELINE",    NULL};
    AUTO_JSON json_t *holder = holder_of(subject);

    (void)state;
    assert_string_equal(json_get_string(holder, "name"), "ADELINE VALMONT1011");
    assert_string_equal(json_get_string(holder, "national_id"), "899700001011");
    assert_string_equal(json_get_string(holder, "family_name"), "VALMONT1011");
    assert_string_equal(json_get_string(holder, "given_name"), "ADELINE");
    assert_string_equal(json_get_string(holder, "profession"), "Médecin");
    assert_int_equal(json_object_size(holder), 5);
}

static void without_a_given_name(void **state)
{
    static const char *const subject[] = {"CN=899700001011", "SN=VALMONT1011", NULL};
    AUTO_JSON json_t *holder = holder_of(subject);

    (void)state;
    assert_string_equal(json_get_string(holder, "name"), "VALMONT1011");
    assert_null(json_object_get(holder, "given_name"));
    assert_null(json_object_get(holder, "profession"));
}

static void what_names_no_person(void **state)
{
    static const char *const nobody[] = {"CN=899700001011", "GN=ADELINE", NULL};
    static const char *const unnumbered[] = {"SN=VALMONT1011", "GN=ADELINE", NULL};
    static const char *const server[] = {"CN=server.example", NULL};

    (void)state;
    assert_null(holder_of(nobody));
    assert_null(holder_of(unnumbered));
    assert_null(holder_of(server));
}

/* A name may hold anything: the holder is an object of texts, or nothing at all. */
static void hostile_names(void **state)
{
    static const unsigned char nul[] = "VAL\0MONT";
    static const char *const subject[] = {"CN=899700001011", NULL};
    struct made made = person(subject);
    X509_NAME *name = X509_NAME_dup(X509_get_subject_name(made.certificate));
    AUTO_JSON json_t *holder = NULL;
    AUTO_FREE char *text = NULL;

    (void)state;
    assert_int_equal(
        X509_NAME_add_entry_by_NID(name, NID_surname, V_ASN1_UTF8STRING, nul, 8, -1, 0), 1);
    X509_set_subject_name(made.certificate, name);
    X509_NAME_free(name);
    holder = identity_holder(made.certificate);
    text = holder != NULL ? json_dumps(holder, JSON_COMPACT) : strdup("");
    assert_non_null(text);
    assert_null(strstr(text, "\\u0000"));
    made_done(&made);
}

static void certificates_are_whole_or_refused(void **state)
{
    static const char *const subject[] = {"CN=899700001011", "SN=VALMONT1011", NULL};
    struct made made = person(subject);
    uint8_t der[PROTO_CERTIFICATE_MAX], *end = der;
    int len = i2d_X509(made.certificate, &end);

    (void)state;
    assert_in_range(len, 200, PROTO_CERTIFICATE_MAX - 1);
    der[len] = 0;
    for (int more = -1; more <= 1; more++) {
        AUTO_FREE char *text = b64_encode(der, (size_t)(len + more));
        X509 *parsed = identity_parse(text);

        assert_true((parsed != NULL) == (more == 0));
        X509_free(parsed);
    }
    assert_null(identity_parse(""));
    assert_null(identity_parse("AAAA"));
    assert_null(identity_parse("not base64url!"));
    made_done(&made);
}

static void certificates_too_large(void **state)
{
    static uint8_t bytes[PROTO_CERTIFICATE_MAX + 1] = {0x30, 0x82, 0x1f, 0xfd};
    AUTO_FREE char *text = b64_encode(bytes, sizeof bytes);

    (void)state;
    assert_null(identity_parse(text));
}

static void texts_for_people(void **state)
{
    static const char *const subject[] = {"C=FR", "O=ASIP, SANTE", "CN=é\x1b", NULL};
    struct made made = person(subject);
    AUTO_FREE char *name = identity_name_text(X509_get_subject_name(made.certificate));
    AUTO_FREE char *pem = identity_pem(made.certificate);

    (void)state;
    assert_string_equal(name, "CN=é\\1B,O=ASIP\\, SANTE,C=FR");
    assert_memory_equal(pem, "-----BEGIN CERTIFICATE-----\n", 28);
    made_done(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_person_as_cards_name_them),
        cmocka_unit_test(without_a_given_name),
        cmocka_unit_test(what_names_no_person),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(certificates_are_whole_or_refused),
        cmocka_unit_test(certificates_too_large),
        cmocka_unit_test(texts_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
