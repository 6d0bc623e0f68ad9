/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pkcs11/p15.h"
#include "tests/unit/ber.h"

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

#define FLAGS_USER    "\x03\x88"
#define FLAGS_PUK     "\x00\x8B"
#define FLAGS_OFFICER "\x00\x89"

static const struct file_path application = {4, {0x3F, 0x00, 0x00, 0x01}};

/* Two records, filling between and after them, and one without path. */
static void applications_of_ef_dir(void **state)
{
    struct span dir = SPAN("\x61\x0F\x4F\x02\xE8\x20\x50\x03"
                           "CPX"
                           "\x51\x04\x3F\x00\x00\x02"
                           "\x00\x00"
                           "\x61\x04\x4F\x02\xAA\xBB"
                           "\x61\x0A\x51\x04\x3F\x00\x00\x01\x4F\x02\xE8\x10"
                           "\xFF\xFF");
    struct p15_application found;

    (void)state;
    assert_true(p15_next_application(&dir, &found));
    assert_int_equal(found.aid.len, 2);
    assert_int_equal(found.aid.bytes[1], 0x20);
    assert_int_equal(found.path.bytes[3], 0x02);
    assert_true(p15_next_application(&dir, &found));
    assert_int_equal(found.aid.bytes[1], 0x10);
    assert_false(p15_next_application(&dir, &found));
}

static void hostile_ef_dir(void **state)
{
    uint8_t long_path[] = {0x61, 26, 0x4F, 0x02, 1, 2, 0x51, 20, 0x3F, 0x00, 1, 1, 1, 1,
                           1,    1,  1,    1,    1, 1, 1,    1,  1,    1,    1, 1, 1, 1};
    struct span dir = {long_path, sizeof long_path};
    struct p15_application found;

    (void)state;
    assert_false(p15_next_application(&dir, &found));
    dir = SPAN("\x61\x7F\x4F\x02\xE8\x20");
    assert_false(p15_next_application(&dir, &found));
}

static void odf_gives_absolute_paths(void **state)
{
    struct p15_directory directory = {.private_keys.n = 0};

    (void)state;
    p15_read_odf(SPAN("\xA8\x06\x30\x04\x04\x02\x70\x01"
                      "\xA0\x0A\x30\x08\x04\x06\x3F\x00\x00\x07\x70\x02"
                      "\xA1\x06\x30\x04\x04\x02\x70\x04"
                      "\xA4\x06\x30\x04\x04\x02\x70\x05"
                      "\xA4\x05\x30\x03\x04\x01\x70"                 /* half an identifier */
                      "\xA4\x09\x30\x07\x04\x02\x70\x06\x02\x01\x05" /* inside a file */
                      "\xA4\x06\x30\x04\x04\x02\x70\x15"),
                 &application, &directory);
    assert_int_equal(directory.authentications.n, 1);
    assert_int_equal(directory.authentications.paths[0].len, 6);
    assert_memory_equal(directory.authentications.paths[0].bytes, "\x3F\x00\x00\x01\x70\x01", 6);
    assert_memory_equal(directory.private_keys.paths[0].bytes, "\x3F\x00\x00\x07\x70\x02", 6);
    assert_int_equal(directory.certificates.n, 2);
    assert_int_equal(directory.certificates.paths[1].bytes[5], 0x15);
}

static void odf_is_bounded(void **state)
{
    struct p15_directory directory = {.private_keys.n = 0};
    struct ber odf = {.len = 0};

    (void)state;
    for (size_t i = 0; i < 10; i++)
        BER_LITERAL(&odf, 0xA4, "\x30\x04\x04\x02\x70\x05");
    p15_read_odf(ber_span(&odf), &application, &directory);
    assert_int_equal(directory.certificates.n, P15_FILES_MAX);
}

static void the_cardholder_pin_and_its_puk(void **state)
{
    struct p15_pins pins = {.n = 0};
    struct ber aodf = {.len = 0};

    (void)state;
    ber_pin(&aodf, FLAGS_PUK, 2, 8, 2);
    ber_pin(&aodf, FLAGS_OFFICER, 3, 4, 3);
    ber_pin(&aodf, FLAGS_USER, 1, 4, 5);
    p15_read_aodf(ber_span(&aodf), &pins);
    assert_int_equal(pins.n, 2);
    assert_true(pins.list[0].unblocking);
    assert_int_equal(pins.list[0].reference, 2);
    assert_int_equal(pins.list[0].min_len, 8);
    assert_false(pins.list[1].unblocking);
    assert_int_equal(pins.list[1].reference, 5);
    assert_int_equal(pins.list[1].auth_id.bytes[0], 1);
    assert_int_equal(pins.list[1].unblocked_by.len, 0);
    assert_int_equal(pins.list[1].min_len, 4);
    assert_int_equal(pins.list[1].max_len, 4);
    assert_true(pins.list[1].digits);
}

static void private_keys(void **state)
{
    struct p15_keys keys = {.n = 0};
    struct ber prkdf = {.len = 0};

    (void)state;
    ber_key(&prkdf, 1, SPAN("\x06\x00\x40"), 1, SPAN("\x81"));
    BER_LITERAL(&prkdf, 0x30, "junk");
    ber_key(&prkdf, 2, SPAN("\x05\x60"), 1, SPAN("\x00\x82"));
    ber_key(&prkdf, 3, SPAN("\x05\x20"), 0, SPAN("\x01\x82"));
    p15_read_prkdf(ber_span(&prkdf), &keys);
    assert_int_equal(keys.n, 2); /* reference 0182 is none */
    assert_int_equal(keys.list[0].reference, 0x81);
    assert_true(keys.list[0].non_repudiation);
    assert_false(keys.list[0].signs);
    assert_int_equal(keys.list[1].reference, 0x82);
    assert_true(keys.list[1].signs);
    assert_false(keys.list[1].non_repudiation);
    assert_int_equal(keys.list[1].auth_id.len, 1);
    assert_string_equal(keys.list[1].label, "CPS_PRIV");
    assert_true(keys.list[1].decrypts);
    assert_false(keys.list[0].decrypts);
}

static void certificates(void **state)
{
    struct p15_certificates found = {.n = 0};
    struct ber cdf = {.len = 0};
    char label[P15_LABEL_MAX + 20];

    (void)state;
    memset(label, 'x', sizeof label - 1);
    label[sizeof label - 1] = '\0';
    ber_certificate(&cdf, 2, "Certificat", SPAN("\xA0\x02"));
    ber_certificate(&cdf, 1, label, SPAN("\x3F\x00\x00\x09\xA0\x01"));
    p15_read_cdf(ber_span(&cdf), &application, &found);
    assert_int_equal(found.n, 2);
    assert_string_equal(found.list[0].label, "Certificat");
    assert_memory_equal(found.list[0].path.bytes, "\x3F\x00\x00\x01\xA0\x02", 6);
    assert_int_equal(strlen(found.list[1].label), P15_LABEL_MAX);
    assert_memory_equal(found.list[1].path.bytes, "\x3F\x00\x00\x09\xA0\x01", 6);
}

/* Labels become JSON text: whatever a card has there must be some. */
static void labels_that_are_no_text(void **state)
{
    static const struct {
        const char *label;
        const char *shown;
    } labels[] = {
        {"Code de d\xC3\xA9"
         "blocage",
         "Code de d\xC3\xA9"
         "blocage"},
        {"Code de d\xE9"
         "blocage",
         "Code de d?blocage"},
        {"line\nfeed", "line?feed"},
        {"\x1B[31m", "?[31m"},
        {"\xC3", "?"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        struct p15_certificates found = {.n = 0};
        struct ber cdf = {.len = 0};

        ber_certificate(&cdf, 2, labels[i].label, SPAN("\xA0\x02"));
        p15_read_cdf(ber_span(&cdf), &application, &found);
        assert_int_equal(found.n, 1);
        assert_string_equal(found.list[0].label, labels[i].shown);
    }
}

static void data_objects(void **state)
{
    static const uint8_t private_flag[] = {0x07, 0x80};
    struct p15_data_objects found = {.n = 0};
    struct ber dodf = {.len = 0};

    (void)state;
    ber_data(&dodf, "CPS_INFO_PS", "CPS", 0, SPAN("\xD1\x06"));
    ber_data(&dodf, "CPS_ACTIVITY_02_PS", "CPS", 1, SPAN("\xD1\x21"));
    ber_data(&dodf, "", "CPS", 0, SPAN("\xD1\x22"));            /* no name to ask for it by */
    ber_data(&dodf, "CPS_ODD", "CPS", 0, SPAN("\xD1\x22\x01")); /* half a path */
    ber_data(&dodf, "CPS_FAR", "", 0, SPAN("\x3F\x00\x00\x09\xD1\x22"));
    /* The path in a sequence of its own, private by its flags alone. */
    ber_put(&dodf,
            "\x30\x17\x30\x09\x0C\x03"
            "CPS\x03\x02",
            11);
    ber_put(&dodf, private_flag, 2);
    ber_put(&dodf, "\x30\x00\xA1\x08\x30\x06\x30\x04\x04\x02\xD1\x30", 12);
    p15_read_dodf(ber_span(&dodf), &application, &found);
    assert_int_equal(found.n, 4);
    assert_string_equal(found.list[0].label, "CPS_INFO_PS");
    assert_string_equal(found.list[0].application, "CPS");
    assert_false(found.list[0].private);
    assert_memory_equal(found.list[0].path.bytes, "\x3F\x00\x00\x01\xD1\x06", 6);
    assert_true(found.list[1].private);
    assert_string_equal(found.list[2].application, "");
    assert_memory_equal(found.list[2].path.bytes, "\x3F\x00\x00\x09\xD1\x22", 6);
    assert_true(found.list[3].private);
    assert_memory_equal(found.list[3].path.bytes, "\x3F\x00\x00\x01\xD1\x30", 6);
}

static void data_objects_are_bounded(void **state)
{
    struct p15_data_objects found = {.n = P15_DATA_MAX - 1};
    struct ber dodf = {.len = 0};

    (void)state;
    for (int i = 0; i < 5; i++)
        ber_data(&dodf, "CPS_DATA", "CPS", 0, SPAN("\xD1\x07"));
    p15_read_dodf(ber_span(&dodf), &application, &found);
    assert_int_equal(found.n, P15_DATA_MAX);
}

/* Whatever byte is changed and wherever the file is cut: no crash, never more than there is. */
static void hostile_files(void **state)
{
    struct ber file = {.len = 0};

    (void)state;
    ber_pin(&file, FLAGS_USER, 1, 4, 5);
    ber_key(&file, 2, SPAN("\x05\x60"), 1, SPAN("\x00\x82"));
    ber_certificate(&file, 2, "Certificat", SPAN("\xA0\x02"));
    ber_data(&file, "CPS_ACTIVITY_02_PS", "CPS", 1, SPAN("\xD1\x21"));
    for (size_t at = 0; at < file.len; at++) {
        for (unsigned value = 0; value < 256; value += 5) {
            struct ber changed = file;
            struct p15_pins pins = {.n = 0};
            struct p15_keys keys = {.n = 0};
            struct p15_certificates found = {.n = 0};
            struct p15_data_objects data = {.n = 0};

            changed.data[at] = (uint8_t)value;
            changed.len = value % 2 == 0 ? file.len : at;
            p15_read_aodf(ber_span(&changed), &pins);
            p15_read_prkdf(ber_span(&changed), &keys);
            p15_read_cdf(ber_span(&changed), &application, &found);
            p15_read_dodf(ber_span(&changed), &application, &data);
            assert_true(pins.n <= 4 && keys.n <= 4 && found.n <= 4 && data.n <= 4);
        }
    }
}

static void objects_are_bounded(void **state)
{
    struct p15_certificates found = {.n = 0};
    struct ber cdf = {.len = 0};

    (void)state;
    for (int i = 0; i < P15_OBJECTS_MAX + 5; i++)
        ber_certificate(&cdf, 2, "Certificat", SPAN("\xA0\x02"));
    p15_read_cdf(ber_span(&cdf), &application, &found);
    assert_int_equal(found.n, P15_OBJECTS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(applications_of_ef_dir),
        cmocka_unit_test(hostile_ef_dir),
        cmocka_unit_test(odf_gives_absolute_paths),
        cmocka_unit_test(odf_is_bounded),
        cmocka_unit_test(the_cardholder_pin_and_its_puk),
        cmocka_unit_test(private_keys),
        cmocka_unit_test(certificates),
        cmocka_unit_test(labels_that_are_no_text),
        cmocka_unit_test(data_objects),
        cmocka_unit_test(data_objects_are_bounded),
        cmocka_unit_test(hostile_files),
        cmocka_unit_test(objects_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
