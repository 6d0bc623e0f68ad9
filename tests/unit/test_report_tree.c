/* SPDX-License-Identifier: Apache-2.0 */
/* What a report shows of a card's files, and above all what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pkcs11/report_tree.h"

#define BUDGET 1000

/* All lines of a tree, one after another. */
static void tree(const char *data, size_t len, enum report_kind kind, char *out, size_t size)
{
    json_t *lines = json_array();
    size_t budget = BUDGET;
    const json_t *line;
    size_t used = 0;
    size_t i;

    out[0] = '\0';
    report_tree((struct span){(const uint8_t *)data, len}, kind, lines, &budget);
    json_array_foreach (lines, i, line)
        used += (size_t)snprintf(out + used, size - used, "%s%s", i > 0 ? "|" : "",
                                 json_string_value(line));
    json_decref(lines);
}

#define TREE(kind, data, expected)                                                                 \
    do {                                                                                           \
        char out_[BUDGET];                                                                         \
        tree(data, sizeof(data) - 1, kind, out_, sizeof out_);                                     \
        assert_string_equal(out_, expected);                                                       \
    } while (0)

static void test_structure(void **state)
{
    (void)state;
    TREE(REPORT_DIRECTORY, "", "");
    TREE(REPORT_DIRECTORY, "\x30\x05\x02\x01\x07\x05\x00", "30 5|  02 1 07|  05 0");
    TREE(REPORT_DIRECTORY, "\x61\x04\x4F\x02\x3F\x00", "61 4|  4F 2 3F00");
    TREE(REPORT_DIRECTORY, "\x30\x03\x02\x09\x01", "30 3|  not TLV, 3");
}

static void test_what_is_the_same_on_all_cards_is_shown(void **state)
{
    (void)state;
    TREE(REPORT_DIRECTORY,
         "\x0C\x0C"
         "CPS_PRIV_AUT",
         "0C 12 \"CPS_PRIV_AUT\"");
    TREE(REPORT_DIRECTORY,
         "\x0C\x12"
         "CPS_ACTIVITY_04_PS",
         "0C 18 \"CPS_ACTIVITY_04_PS\"");
    TREE(REPORT_DIRECTORY, "\x04\x06\x3F\x00\x00\x01\xA0\x02", "04 6 3F000001A002");
    TREE(REPORT_DIRECTORY, "\x04\x0E\xE8\x28\xBD\x08\x0F\x80\x25\x00\x00\x01\xFF\x00\x10\x02",
         "04 14 E828BD080F8025000001FF001002");
    TREE(REPORT_DIRECTORY, "\x06\x03\x55\x04\x03", "06 3 550403");
    TREE(REPORT_CONTROL, "\x8C\x07\x7B\x11\xFF\x11\x11\xFF\xFF", "8C 7 7B11FF1111FFFF");
    TREE(REPORT_SECURITY, "\x9A\x01\x03\x9B\x01\x02", "9A 1 03|9B 1 02");
}

static void test_what_is_somebody_s_is_not(void **state)
{
    (void)state;
    TREE(REPORT_DIRECTORY,
         "\x0C\x06"
         "DUPONT",
         "0C 6 hidden");
    TREE(REPORT_DIRECTORY,
         "\x13\x0C"
         "899700001011",
         "13 12 hidden");
    TREE(REPORT_DIRECTORY,
         "\x80\x11"
         "CPS3v3-0299001013",
         "80 17 \"CPS3v3-\" and 10 hidden");
    TREE(REPORT_DIRECTORY, "\x5A\x0A\x80\x25\x00\x00\x01\x29\x90\x01\x01\x3F", "5A 10 hidden");
    TREE(REPORT_DIRECTORY, "\x04\x04\x29\x90\x01\x01", "04 4 hidden");
    TREE(REPORT_DIRECTORY, "\x02\x04\x29\x90\x01\x01", "02 4 hidden");
    TREE(REPORT_DIRECTORY,
         "\x17\x0D"
         "270101000000Z",
         "17 13 hidden");
    TREE(REPORT_DIRECTORY,
         "\x0C\x0A"
         "CPS_Dupont",
         "0C 10 hidden");
    TREE(REPORT_DIRECTORY,
         "\x0C\x1D"
         "CPS_A123456789012345678901234",
         "0C 29 hidden");
    TREE(REPORT_CONTROL, "\x85\x04\x29\x90\x01\x01", "85 4 hidden");
    TREE(REPORT_DIRECTORY, "\x8C\x04\x29\x90\x01\x01", "8C 4 hidden");
    TREE(REPORT_SECURITY, "\x7F\x49\x06\x81\x04\x29\x90\x01\x01", "7F49 6|  81 4 hidden");
}

static void test_no_more_than_fits(void **state)
{
    char data[3 * 400];
    char out[BUDGET];

    (void)state;
    for (size_t i = 0; i < sizeof data; i += 3)
        memcpy(data + i, "\x02\x01\x05", 3);
    tree(data, sizeof data, REPORT_DIRECTORY, out, sizeof out);
    assert_true(strlen(out) < BUDGET);
    memset(data, 0x30, sizeof data); /* deep, and none of it fits */
    tree(data, sizeof data, REPORT_DIRECTORY, out, sizeof out);
    assert_true(strlen(out) < BUDGET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_what_is_the_same_on_all_cards_is_shown),
        cmocka_unit_test(test_what_is_somebody_s_is_not),
        cmocka_unit_test(test_no_more_than_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
