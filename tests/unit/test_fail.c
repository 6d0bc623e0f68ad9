/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/fail.h"
#include "base/json.h"
#include "base/util.h"

static void a_chain_of_causes(void **state)
{
    struct fail fail = FAIL_INIT;
    char text[256];

    (void)state;
    assert_int_equal(fail.code, CPS_OK);
    assert_int_equal(fail_set(&fail, CPS_STORAGE, "%s: %d", "file", 5), CPS_STORAGE);
    assert_int_equal(fail_add(&fail, "while %s", "starting"), CPS_STORAGE);
    assert_int_equal(fail.n_causes, 2);
    assert_int_equal(fail.tries_left, -1);
    fail_describe(&fail, text, sizeof text);
    assert_string_equal(text, "STORAGE: file: 5; while starting");
    fail_set(&fail, CPS_NO_CARD, "again");
    assert_int_equal(fail.n_causes, 1);
    fail_reason(&fail, CPS_INVALID_PARAMS, "deadline_ms", "not %s", "an integer");
    assert_string_equal(fail.reason, "deadline_ms");
}

static void a_full_chain_keeps_its_origin(void **state)
{
    struct fail fail;

    (void)state;
    fail_set(&fail, CPS_INTERNAL, "origin");
    for (int i = 0; i < 10; i++)
        fail_add(&fail, "%d", i);
    assert_int_equal(fail.n_causes, FAIL_CAUSES_MAX);
    assert_string_equal(fail.causes[0], "origin");
    assert_string_equal(fail.causes[FAIL_CAUSES_MAX - 1], "2");
}

static void long_texts_are_cut(void **state)
{
    struct fail fail;
    char longer[400], text[24];

    (void)state;
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    fail_reason(&fail, CPS_CONFIGURATION, longer, "%s", longer);
    assert_int_equal(strlen(fail.reason), FAIL_REASON_LEN - 1);
    assert_int_equal(strlen(fail.causes[0]), FAIL_CAUSE_LEN - 1);
    fail_add(&fail, "%s", longer);
    fail_describe(&fail, text, sizeof text);
    assert_string_equal(text, "CONFIGURATION: xxxxxxxx");
    fail_describe(&fail, text, 1);
    assert_string_equal(text, "");
}

static void it_travels_as_json(void **state)
{
    struct fail fail, back;
    AUTO_JSON json_t *json = NULL;

    (void)state;
    fail_reason(&fail, CPS_PIN_WRONG, "pin", "first");
    fail_add(&fail, "second");
    fail.tries_left = 2;
    json = fail_to_json(&fail);
    fail_from_json(&back, json);
    assert_int_equal(back.code, CPS_PIN_WRONG);
    assert_int_equal(back.tries_left, 2);
    assert_string_equal(back.reason, "pin");
    assert_int_equal(back.n_causes, 2);
    assert_string_equal(back.causes[1], "second");
}

static void malformed_json_is_internal(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "{\"code\": 5}",
        "{\"code\": \"OK\"}",
        "{\"code\": \"NO_SUCH\", \"causes\": {}, \"tries_left\": \"x\", \"reason\": []}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        AUTO_JSON json_t *json = json_parse_strict(texts[i], strlen(texts[i]));
        struct fail fail;

        assert_non_null(json);
        fail_from_json(&fail, json);
        assert_int_equal(fail.code, CPS_INTERNAL);
        assert_int_equal(fail.tries_left, -1);
        assert_int_equal(fail.n_causes, 0);
    }
}

static void causes_that_are_no_texts_are_empty(void **state)
{
    static const char text[] =
        "{\"code\":\"NO_CARD\",\"causes\":[1,{},\"a\",null,\"five\",\"six\"]}";
    AUTO_JSON json_t *json = json_parse_strict(text, strlen(text));
    struct fail fail;

    (void)state;
    fail_from_json(&fail, json);
    assert_int_equal(fail.code, CPS_NO_CARD);
    assert_int_equal(fail.n_causes, FAIL_CAUSES_MAX);
    assert_string_equal(fail.causes[0], "");
    assert_string_equal(fail.causes[2], "a");
}

/* A text cut in the middle of a letter is no UTF-8: it may be lost, the rest may not. */
static void a_cut_letter_does_not_spoil_the_rest(void **state)
{
    struct fail fail, back;
    char text[2 * FAIL_CAUSE_LEN + 1] = "x";
    AUTO_JSON json_t *json = NULL;

    (void)state;
    for (size_t i = 1; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "é", 3);
    fail_set(&fail, CPS_NO_READER, "%s", text);
    fail_add(&fail, "kept");
    json = fail_to_json(&fail);
    assert_non_null(json);
    fail_from_json(&back, json);
    assert_int_equal(back.code, CPS_NO_READER);
    assert_string_equal(back.causes[back.n_causes - 1], "kept");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_of_causes),
        cmocka_unit_test(a_full_chain_keeps_its_origin),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(it_travels_as_json),
        cmocka_unit_test(malformed_json_is_internal),
        cmocka_unit_test(causes_that_are_no_texts_are_empty),
        cmocka_unit_test(a_cut_letter_does_not_spoil_the_rest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
