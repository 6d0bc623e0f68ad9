/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "agent/national_id.h"
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
    assert_string_equal(json_get_string(holder, "national_id_type"), "RPPS");
    assert_string_equal(json_get_string(holder, "source"), "certificate");
    assert_int_equal(json_object_size(holder), 7);
    assert_true(identity_is_person(holder));
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
    AUTO_JSON json_t *without_name = holder_of(nobody);
    AUTO_JSON json_t *without_number = holder_of(unnumbered);
    AUTO_JSON json_t *of_server = holder_of(server);

    const json_t *holders[] = {without_name, without_number, of_server};

    for (size_t i = 0; i < 3; i++) {
        assert_false(identity_is_person(holders[i]));
        assert_null(json_object_get(holders[i], "national_id"));
        assert_null(json_object_get(holders[i], "family_name"));
        assert_null(identity_subject(holders[i]));
    }
    assert_string_equal(json_get_string(without_name, "common_name"), "899700001011");
    assert_false(identity_is_person(NULL));
}

static void an_employee_of_a_structure(void **state)
{
    static const char *const subject[] = {"C=FR",          "O=HOPITAL DES TROIS VALLEES",
                                          "L=Landes (40)", "OU=500000001815646",
                                          "SN=SPECIMEN",   "CN=500000001815646/CPAT00045",
                                          "GN=LOU",        "title=Secrétaire",
                                          "OU=a service",  NULL};
    AUTO_JSON json_t *holder = holder_of(subject);
    const json_t *structure = json_get_object(holder, "structure");

    (void)state;
    assert_string_equal(json_get_string(holder, "name"), "LOU SPECIMEN");
    assert_string_equal(json_get_string(holder, "national_id"), "500000001815646/CPAT00045");
    assert_string_equal(json_get_string(holder, "national_id_type"), "SIRET");
    assert_string_equal(json_get_string(structure, "name"), "HOPITAL DES TROIS VALLEES");
    assert_string_equal(json_get_string(structure, "locality"), "Landes (40)");
    assert_string_equal(json_get_string(structure, "id"), "500000001815646");
}

static void a_structure_without_a_person(void **state)
{
    static const char *const subject[] = {"C=FR", "O=HOPITAL DES TROIS VALLEES",
                                          "OU=100000000000018", "CN=100000000000018/00042", NULL};
    AUTO_JSON json_t *holder = holder_of(subject);

    (void)state;
    assert_false(identity_is_person(holder));
    assert_string_equal(json_get_string(holder, "common_name"), "100000000000018/00042");
    assert_string_equal(json_get_string(json_get_object(holder, "structure"), "id"),
                        "100000000000018");
}

/* The identifier is the common name that looks like one, wherever it stands. */
static void several_common_names(void **state)
{
    static const char *const with_text[] = {"CN=VALMONT ADELINE", "SN=VALMONT1011", "CN=carte",
                                            "CN=899700001011", NULL};
    static const char *const twice[] = {"CN=899700001011", "SN=VALMONT1011", "CN=899700001011",
                                        NULL};
    static const char *const two[] = {"CN=899700001011", "SN=VALMONT1011", "CN=899700002022", NULL};
    AUTO_JSON json_t *first = holder_of(with_text);
    AUTO_JSON json_t *second = holder_of(twice);
    AUTO_JSON json_t *third = holder_of(two);

    (void)state;
    assert_string_equal(json_get_string(first, "national_id"), "899700001011");
    assert_string_equal(json_get_string(second, "national_id"), "899700001011");
    assert_false(identity_is_person(third)); /* which of the two? */
}

/* RDNs of one or several attributes, in any order, in any of the string types of X.520. */
static void layouts_and_string_types(void **state)
{
    static const struct {
        int type;
        const char *family;
        int len;
    } names[] = {
        {V_ASN1_UTF8STRING, "ÉSSAI1011", -1},
        {V_ASN1_T61STRING, "\xc9SSAI1011", -1},
        {V_ASN1_BMPSTRING,
         "\x00\xc9\0S\0S\0A\0I\0"
         "1\0"
         "0\0"
         "1\0"
         "1",
         18},
        {V_ASN1_UNIVERSALSTRING,
         "\0\0\0\xc9\0\0\0S\0\0\0S\0\0\0A\0\0\0I\0\0\0"
         "1\0\0\0"
         "0\0\0\0"
         "1\0\0\0"
         "1",
         36},
    };
    static const char *const country[] = {"C=FR", NULL};
    struct made made = person(country);

    (void)state;
    for (size_t i = 0; i < 4 * sizeof names / sizeof names[0]; i++) {
        const unsigned char *family = (const unsigned char *)names[i / 4].family;
        X509_NAME *name = X509_NAME_new();
        AUTO_JSON json_t *holder = NULL;
        int joined = i % 2 == 0 ? -1 : 0; /* multi-valued, or one RDN each */
        int at = i % 4 < 2 ? -1 : 0;      /* in this order, or reversed */

        assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", V_ASN1_PRINTABLESTRING,
                                                    (const unsigned char *)"899700001011", -1, -1,
                                                    0),
                         1);
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "SN", names[i / 4].type, family,
                                                    names[i / 4].len, at, at < 0 ? joined : 0),
                         1);
        assert_int_equal(X509_NAME_add_entry_by_txt(name, "GN", V_ASN1_T61STRING,
                                                    (const unsigned char *)"ZO\xc9", -1, at,
                                                    at < 0 ? joined : 0),
                         1);
        X509_set_subject_name(made.certificate, name);
        X509_NAME_free(name);
        holder = identity_holder(made.certificate);
        assert_string_equal(json_get_string(holder, "family_name"), "ÉSSAI1011");
        assert_string_equal(json_get_string(holder, "name"), "ZOÉ ÉSSAI1011");
        assert_string_equal(json_get_string(holder, "national_id"), "899700001011");
    }
    made_done(&made);
}

static void names_that_turn_the_text_around(void **state)
{
    static const char *const subject[] = {"CN=899700001011", "SN=VAL\xe2\x80\xaeMONT", NULL};
    static const char *const spaced[] = {"CN=899700001011", "SN= VALMONT ", NULL};
    AUTO_JSON json_t *turned = holder_of(subject);
    AUTO_JSON json_t *trimmed = holder_of(spaced);

    (void)state;
    assert_false(identity_is_person(turned));
    assert_string_equal(json_get_string(trimmed, "family_name"), "VALMONT");
}

static void extend(X509 *certificate, const char *oid, const char *bytes, int len)
{
    ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *extension;

    ASN1_OCTET_STRING_set(value, (const unsigned char *)bytes, len);
    extension = X509_EXTENSION_create_by_OBJ(NULL, object, 0, value);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(object);
}

#define ID_OID   "1.2.250.1.71.1.2.2"
#define TYPE_OID "1.2.250.1.71.1.2.3"

/* The encodings are not published: whatever names one of the four types does, in either place. */
static void card_types(void **state)
{
    static const struct {
        const char *oid, *bytes;
        int len;
        const char *type;
    } cases[] = {
        {TYPE_OID, "\2\1\0", 3, "CPS"},
        {TYPE_OID, "\2\1\1", 3, "CPF"},
        {TYPE_OID, "\2\1\2", 3, "CPE"},
        {TYPE_OID, "\2\1\3", 3, "CPA"},
        {TYPE_OID, "\2\1\4", 3, NULL},
        {TYPE_OID, "\2\1\xff", 3, NULL},
        {TYPE_OID,
         "\x13\1"
         "1",
         3, "CPF"},
        {TYPE_OID,
         "\x0c\1"
         "3",
         3, "CPA"},
        {TYPE_OID,
         "\4\1"
         "2",
         3, "CPE"},
        {TYPE_OID, "2", 1, "CPE"},
        {ID_OID, "\2\1\2", 3, "CPE"},
        {ID_OID,
         "\x13\5"
         "1/002",
         7, NULL},
        {TYPE_OID, "\x30\3\2\1\1", 5, NULL},
        {TYPE_OID, "", 0, NULL},
        {TYPE_OID, "\2\x7f\1", 3, NULL},
        {TYPE_OID, "\2\1\1\0", 4, NULL},
        {TYPE_OID, "\2\x9\1\0\0\0\0\0\0\0\0", 11, NULL},
    };
    static const char *const subject[] = {"CN=899700001011", "SN=VALMONT1011", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made = person(subject);
        const char *type;

        assert_null(identity_card_type(made.certificate));
        extend(made.certificate, cases[i].oid, cases[i].bytes, cases[i].len);
        type = identity_card_type(made.certificate);
        if (cases[i].type == NULL)
            assert_null(type);
        else
            assert_string_equal(type, cases[i].type);
        extend(made.certificate, strcmp(cases[i].oid, ID_OID) == 0 ? TYPE_OID : ID_OID, "\2\1\0",
               3);
        if (cases[i].type != NULL && strcmp(cases[i].type, "CPS") != 0)
            assert_null(identity_card_type(made.certificate)); /* one says this, one says that */
        made_done(&made);
    }
}

static void codes_of_the_extensions(void **state)
{
    static const struct {
        const char *bytes;
        int len;
        const char *code;
    } cases[] = {
        {"\x13\2"
         "10",
         4, "10"},
        {"\x13\x6"
         "10^1.2",
         8, "10"},
        {"\x13\4SM26", 6, "SM26"},
        {"\2\1\x3c", 3, "60"},
        {"\x13\3"
         "1 0",
         5, NULL},
        {"\x13\x9"
         "123456789",
         11, NULL},
        {"\x0c\2\xff\xfe", 4, NULL},
        {"\x13\0", 2, NULL},
    };
    static const char *const subject[] = {"CN=899700001011", "SN=VALMONT1011", NULL};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct made made = person(subject);
        AUTO_JSON json_t *holder = NULL;

        extend(made.certificate, "1.2.250.1.71.1.2.7", cases[i].bytes, cases[i].len);
        extend(made.certificate, "1.2.250.1.71.4.2.5", cases[i].bytes, cases[i].len);
        holder = identity_holder(made.certificate);
        assert_true(identity_is_person(holder)); /* whatever the extensions hold */
        if (cases[i].code == NULL) {
            assert_null(json_object_get(holder, "profession_code"));
        } else {
            assert_string_equal(json_get_string(holder, "profession_code"), cases[i].code);
            assert_string_equal(json_get_string(holder, "speciality"), cases[i].code);
        }
        made_done(&made);
    }
}

static void what_the_card_adds(void **state)
{
    AUTO_JSON json_t *holder = json_pack("{s:s, s:s}", "name", "x", "national_id", "899700001011");
    AUTO_JSON json_t *nobody = json_pack("{s:s}", "source", "certificate");
    AUTO_JSON json_t *info = json_pack("{s:s}", "speciality", "SM26");
    AUTO_JSON json_t *alone = identity_complete(holder, info);
    AUTO_JSON json_t *of_nobody = identity_complete(nobody, info);
    AUTO_JSON json_t *without = identity_complete(holder, NULL);
    AUTO_JSON json_t *other = NULL;
    AUTO_JSON json_t *known = NULL;

    (void)state;
    assert_string_equal(json_get_string(alone, "speciality"), "SM26");
    assert_null(json_object_get(holder, "speciality"));
    assert_null(json_object_get(of_nobody, "speciality"));
    assert_ptr_equal(without, holder);
    json_object_set_new(info, "national_id", json_string("899700002022"));
    other = identity_complete(holder, info);
    assert_null(json_object_get(other, "speciality")); /* somebody else's card says so */
    json_object_set_new(info, "national_id", json_string("899700001011"));
    json_object_set_new(info, "speciality", json_string("SM54"));
    known = identity_complete(alone, info);
    assert_string_equal(json_get_string(known, "speciality"), "SM26"); /* the certificate is it */
}

static void identifiers_as_people_type_them(void **state)
{
    char id[NATIONAL_ID_MAX + 1], longest[NATIONAL_ID_MAX + 2] = "";

    (void)state;
    assert_true(national_id_normalise("99700001011", id));
    assert_string_equal(id, "899700001011");
    assert_true(national_id_normalise("899700001011", id));
    assert_string_equal(id, "899700001011");
    assert_true(national_id_normalise("500000001815646/CPAT00045", id));
    assert_string_equal(id, "500000001815646/CPAT00045");
    assert_false(national_id_normalise("", id));
    assert_false(national_id_normalise("8997", id));
    assert_false(national_id_normalise("VALMONT", id));
    assert_false(national_id_normalise("8997 0000 1011", id));
    assert_false(national_id_normalise("8997000", id)); /* a digit short */
    assert_true(national_id_normalise("89970000", id));
    assert_false(national_id_normalise("A89970000", id));
    assert_true(national_id_normalise("99700001011/1", id)); /* nothing is put before it */
    assert_string_equal(id, "99700001011/1");
    memset(longest, '8', NATIONAL_ID_MAX + 1);
    assert_false(national_id_normalise(longest, id));
    longest[NATIONAL_ID_MAX] = '\0';
    assert_true(national_id_normalise(longest, id));
    assert_string_equal(id, longest);
    assert_string_equal(national_id_type("899700001011"), "RPPS");
    assert_string_equal(national_id_type("0997000011"), "ADELI");
    assert_null(national_id_type("8997000010119"));
    assert_null(national_id_type("899700001011/1"));
    assert_null(national_id_type("500000001815646"));
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
        cmocka_unit_test(an_employee_of_a_structure),
        cmocka_unit_test(a_structure_without_a_person),
        cmocka_unit_test(several_common_names),
        cmocka_unit_test(layouts_and_string_types),
        cmocka_unit_test(names_that_turn_the_text_around),
        cmocka_unit_test(card_types),
        cmocka_unit_test(codes_of_the_extensions),
        cmocka_unit_test(what_the_card_adds),
        cmocka_unit_test(identifiers_as_people_type_them),
        cmocka_unit_test(hostile_names),
        cmocka_unit_test(certificates_are_whole_or_refused),
        cmocka_unit_test(certificates_too_large),
        cmocka_unit_test(texts_for_people),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
