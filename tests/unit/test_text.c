/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"

#define FROM(text, max) text_from_outside(text, sizeof(text) - 1, max)

static void what_is_kept(void **state)
{
    AUTO_JSON json_t *plain = FROM("Zoé d'Arc", 64);
    AUTO_JSON json_t *trimmed = FROM(" \t\0Zoé \xFF\0", 64);
    AUTO_JSON json_t *other = FROM("漢字 ☤ 𝒵", 64);

    (void)state;
    assert_string_equal(json_string_value(plain), "Zoé d'Arc");
    assert_string_equal(json_string_value(trimmed), "Zoé");
    assert_string_equal(json_string_value(other), "漢字 ☤ 𝒵");
    assert_true(text_is_plain("Zoé", 4));
}

static void what_is_refused(void **state)
{
    (void)state;
    assert_null(FROM("", 64));
    assert_null(FROM(" \0\xFF", 64));
    assert_null(FROM("Zoé", 3));
    assert_null(FROM("a\nb", 64));
    assert_null(FROM("a\0b", 64));
    assert_null(FROM("a\x7F"
                     "b",
                     64));
    assert_null(FROM("a\xC2\x9B"
                     "b",
                     64)); /* CSI of C1 */
    assert_null(FROM("a\xE2\x80\xA8"
                     "b",
                     64)); /* line separator */
    assert_null(FROM("a\xE2\x80\xAE"
                     "b",
                     64)); /* right-to-left override */
    assert_null(FROM("a\xE2\x81\xA6"
                     "b",
                     64)); /* isolate */
    assert_null(FROM("\xC3", 64));
    assert_null(FROM("a\xC9z", 64)); /* Latin 1 */
    assert_false(text_is_plain(NULL, 64));
    assert_false(text_is_plain("", 64));
    assert_false(text_is_plain(" a", 64));
    assert_false(text_is_plain("a\n", 64));
    assert_false(text_is_plain("Zoé", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept),
        cmocka_unit_test(what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
