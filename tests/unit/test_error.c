/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include <cps/error.h>

/* Every code has its row: a hole would be a NULL name. */
static void every_error_has_a_name_of_its_own(void **state)
{
    (void)state;
    for (int i = 0; i < CPS_ERROR_COUNT; i++) {
        const char *name = cps_error_name((cps_error)i);

        assert_non_null(name);
        assert_true(strlen(name) >= 2 && strlen(name) < 32);
        assert_int_equal(strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"), strlen(name));
        assert_int_equal(cps_error_from_name(name), i);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(name, cps_error_name((cps_error)j));
    }
}

static bool is_sentence(const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    return len > 5 && text[len - 1] == '.' && text[0] != ' ' && strstr(text, "  ") == NULL;
}

static void every_error_speaks_both_languages(void **state)
{
    (void)state;
    for (int i = CPS_OK + 1; i < CPS_ERROR_COUNT; i++) {
        const cps_error_text *text = cps_error_get_text((cps_error)i);

        assert_true(is_sentence(text->message_fr));
        assert_true(is_sentence(text->message_en));
        assert_true(is_sentence(text->advice_fr));
        assert_true(is_sentence(text->advice_en));
        assert_string_not_equal(text->message_fr, text->message_en);
    }
}

/* JSON-RPC 2.0 section 5.1: its own numbers, and -32000 to -32099 for everything else. */
static void numbers_are_those_of_json_rpc(void **state)
{
    (void)state;
    assert_int_equal(cps_error_number(CPS_PARSE_ERROR), -32700);
    assert_int_equal(cps_error_number(CPS_INVALID_REQUEST), -32600);
    assert_int_equal(cps_error_number(CPS_METHOD_NOT_FOUND), -32601);
    assert_int_equal(cps_error_number(CPS_INVALID_PARAMS), -32602);
    assert_int_equal(cps_error_number(CPS_INTERNAL), -32603);
    for (int i = CPS_INTERNAL + 1; i < CPS_ERROR_COUNT; i++)
        assert_in_range(-cps_error_number((cps_error)i), 32000, 32099);
}

static void what_is_not_an_error_is_internal(void **state)
{
    (void)state;
    assert_int_equal(cps_error_from_name("NO_SUCH"), CPS_INTERNAL);
    assert_int_equal(cps_error_from_name("pin_wrong"), CPS_INTERNAL);
    assert_int_equal(cps_error_from_name(""), CPS_INTERNAL);
    assert_int_equal(cps_error_from_name(NULL), CPS_INTERNAL);
    assert_string_equal(cps_error_name(CPS_ERROR_COUNT), "INTERNAL");
    assert_string_equal(cps_error_name((cps_error)1000), "INTERNAL");
    assert_ptr_equal(cps_error_get_text(CPS_ERROR_COUNT), cps_error_get_text(CPS_INTERNAL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_name_of_its_own),
        cmocka_unit_test(every_error_speaks_both_languages),
        cmocka_unit_test(numbers_are_those_of_json_rpc),
        cmocka_unit_test(what_is_not_an_error_is_internal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
