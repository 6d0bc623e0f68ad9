/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "pkcs11/cps_objects.h"

#define SPAN(text)                                                                                 \
    (struct span)                                                                                  \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

#define WHOLE                                                                                      \
    "\xEE\x0F\x84\x04TEST\x85\x03"                                                                 \
    "123\x86\x02"                                                                                  \
    "SA"

static json_t *parse(struct span value)
{
    json_t *situation = cps_activity_parse(3, value);

    assert_non_null(situation);
    assert_int_equal(json_get_int(situation, "number", 0), 3);
    assert_non_null(json_get_string(situation, "raw"));
    return situation;
}

static void labels(void **state)
{
    (void)state;
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_01_PS"), 1);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_16_PS"), 16);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_00_PS"), 0);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_1_PS"), 0);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_016_PS"), 0);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_-1_PS"), 0);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_01_PSX"), 0);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_01_P"), 0);
    assert_int_equal(cps_activity_number("CPS_ACTIVITY_ 1_PS"), 0);
    assert_int_equal(cps_activity_number("CPS_INFO_PS"), 0);
    assert_int_equal(cps_activity_number(""), 0);
    assert_true(cps_info_label("CPS_INFO_PS"));
    assert_false(cps_info_label("CPS_DATA"));
    assert_false(cps_info_label("CPS_ACTIVITY_01_PS"));
}

static void a_situation(void **state)
{
    AUTO_JSON json_t *situation = parse(SPAN(WHOLE));

    (void)state;
    assert_string_equal(json_get_string(situation, "structure_name"), "TEST");
    assert_string_equal(json_get_string(situation, "structure_id"), "123");
    assert_string_equal(json_get_string(situation, "sector"), "SA");
    assert_string_equal(json_get_string(situation, "raw"), "7g-EBFRFU1SFAzEyM4YCU0E");
}

/* Order, foreign objects, filling, a missing wrapper: the three fields are found all the same. */
static void other_layouts(void **state)
{
    static const struct span layouts[] = {
        SPAN("\x84\x04TEST\x85\x03"
             "123\x86\x02"
             "SA"),
        SPAN("\xEE\x0F\x86\x02SA\x85\x03"
             "123\x84\x04"
             "TEST"),
        SPAN("\xEE\x81\x0F\x84\x04TEST\x85\x03"
             "123\x86\x02"
             "SA\xFF\xFF\xFF"),
        SPAN("\x5F\x20\x01X\xEE\x14\x87\x03"
             "new\x84\x04TEST\x85\x03"
             "123\x86\x02"
             "SA"),
        SPAN("\xEE\x17\x84\x08TEST    \x85\x05 123 \x86\x04SA\0\0"),
        SPAN("\xEE\x12\x84\x04TEST\x84\x01Z\x85\x03"
             "123\x86\x02"
             "SA"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        AUTO_JSON json_t *situation = parse(layouts[i]);

        assert_string_equal(json_get_string(situation, "structure_name"), "TEST");
        assert_string_equal(json_get_string(situation, "structure_id"), "123");
        assert_string_equal(json_get_string(situation, "sector"), "SA");
    }
}

static void nothing_of_use(void **state)
{
    static const struct span odd[] = {
        SPAN(""),
        SPAN("\xEE"),
        SPAN("\xEE\x80\x84\x01X\0\0"),
        SPAN("\xEE\x7F\x84\x01X"),
        SPAN("\xFF\xFF\xFF\xFF"),
        SPAN("\0\0\0\0"),
        SPAN("plain text"),
        SPAN("\xEE\x03\x84\x02X"),
        SPAN("\xEE\x03\x84\x01\x07"),
        SPAN("\xEE\x02\x84\0"),
        SPAN("\xEE\x06\x84\x04\xE2\x80\xAEX"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        AUTO_JSON json_t *situation = parse(odd[i]);

        assert_int_equal(json_object_size(situation), 2); /* number and raw */
    }
}

/* The fields before a malformed one are known. */
static void a_broken_end(void **state)
{
    AUTO_JSON json_t *situation = parse(SPAN("\xEE\x09\x84\x04TEST\x85\x7F"
                                             "1"));

    (void)state;
    assert_string_equal(json_get_string(situation, "structure_name"), "TEST");
    assert_null(json_object_get(situation, "structure_id"));
}

static void characters_of_before_utf8(void **state)
{
    AUTO_JSON json_t *latin = parse(SPAN("\xEE\x08\x84\x06\xC9TANG\xE9"));
    AUTO_JSON json_t *utf8 = parse(SPAN("\xEE\x08\x84\x06\xC3\x89TANG"));

    (void)state;
    assert_string_equal(json_get_string(latin, "structure_name"), "ÉTANGé");
    assert_string_equal(json_get_string(utf8, "structure_name"), "ÉTANG");
}

static void everything_is_bounded(void **state)
{
    static uint8_t value[8192] = {0xEE, 0x82, 0x1F, 0xFC, 0x84, 0x82, 0x1F, 0xF8};
    AUTO_JSON json_t *situation = NULL;
    AUTO_JSON json_t *info = json_object();

    (void)state;
    memset(value + 8, 'X', sizeof value - 8);
    situation = parse((struct span){value, sizeof value});
    assert_null(json_object_get(situation, "structure_name"));
    assert_int_equal(strlen(json_get_string(situation, "raw")), (CPS_RAW_MAX * 4 + 2) / 3);
    cps_info_add(info, "CPS_NAME_PS", (struct span){value, sizeof value});
    assert_null(json_object_get(info, "name"));
    assert_int_equal(strlen(json_get_string(json_get_object(info, "raw"), "CPS_NAME_PS")),
                     (CPS_RAW_MAX * 4 + 2) / 3);
}

static void what_is_said_of_the_holder(void **state)
{
    AUTO_JSON json_t *info = json_object();

    (void)state;
    cps_info_add(info, "CPS_ID_CARD", SPAN("8025000001/0029900101"));
    cps_info_add(info, "CPS_NAME_PS", SPAN("VALMONT1011 ADELINE  "));
    cps_info_add(info, "CPS_LANG_PS", SPAN("FR"));
    cps_info_add(info, "CPS_INFO_PS", SPAN("899700001011 VALMONT1011 ADELINE 10 SM26"));
    cps_info_add(info, "CPS_DATA", SPAN("x"));
    assert_string_equal(json_get_string(info, "card_id"), "8025000001/0029900101");
    assert_string_equal(json_get_string(info, "name"), "VALMONT1011 ADELINE");
    assert_string_equal(json_get_string(info, "language"), "FR");
    assert_string_equal(json_get_string(info, "national_id"), "899700001011");
    assert_string_equal(json_get_string(info, "speciality"), "SM26");
    assert_int_equal(json_object_size(json_get_object(info, "raw")), 4);
}

static void info_in_another_order(void **state)
{
    static const struct {
        struct span value;
        const char *id, *speciality;
    } cases[] = {
        {SPAN("10 ADELINE VALMONT1011 899700001011 SM54"), "899700001011", "SM54"},
        {SPAN("899700001011 VALMONT1011 ADELINE 60     "), "899700001011", NULL},
        {SPAN("100000000000018/00042"), "100000000000018/00042", NULL},
        {SPAN("VALMONT1011 SMXX"), NULL, NULL},
        {SPAN("XSM26"), NULL, NULL},
        {SPAN("SM26"), NULL, "SM26"},
        {SPAN(" "), NULL, NULL},
        {SPAN("M26"), NULL, NULL},
        {SPAN("\x01\x02SM26"), NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_JSON json_t *info = json_object();
        const char *id, *speciality;

        cps_info_add(info, "CPS_INFO_PS", cases[i].value);
        id = json_get_string(info, "national_id");
        speciality = json_get_string(info, "speciality");
        assert_string_equal(id != NULL ? id : "", cases[i].id != NULL ? cases[i].id : "");
        assert_string_equal(speciality != NULL ? speciality : "",
                            cases[i].speciality != NULL ? cases[i].speciality : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels),
        cmocka_unit_test(a_situation),
        cmocka_unit_test(other_layouts),
        cmocka_unit_test(nothing_of_use),
        cmocka_unit_test(a_broken_end),
        cmocka_unit_test(characters_of_before_utf8),
        cmocka_unit_test(everything_is_bounded),
        cmocka_unit_test(what_is_said_of_the_holder),
        cmocka_unit_test(info_in_another_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
