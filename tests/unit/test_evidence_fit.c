/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/evidence_fit.h"
#include "base/json.h"
#include "base/util.h"

#define MAX 4096

/* A text of that many characters of two bytes, and one byte in front: cut in the middle of one. */
static json_t *accents(size_t n)
{
    AUTO_FREE char *text = malloc(2 * n + 2);

    assert_non_null(text);
    text[0] = 'x';
    for (size_t i = 0; i < n; i++)
        memcpy(text + 1 + 2 * i, "é", 2);
    text[1 + 2 * n] = '\0';
    return json_string(text);
}

static json_t *event_with(json_t *program)
{
    return json_pack("{s:s, s:s, s:i, s:o, s:{s:[s, b]}}", "at", "2026", "event", "token", "pid", 7,
                     "program", program, "card", "list", "a\001b", 1);
}

static void one_that_fits_is_the_same(void **state)
{
    AUTO_JSON json_t *event = event_with(accents(1000));
    AUTO_JSON json_t *fit = evidence_fit(event, MAX);

    (void)state;
    assert_ptr_equal(fit, event);
}

static void a_long_one_is_cut_between_characters(void **state)
{
    AUTO_JSON json_t *event = event_with(accents(3000));
    AUTO_JSON json_t *fit = evidence_fit(event, MAX);
    const json_t *list = json_get_array(json_object_get(fit, "card"), "list");

    (void)state;
    assert_true(json_get_bool(fit, "cut", false));
    assert_int_equal(json_string_length(json_object_get(fit, "program")), EVIDENCE_KEPT - 1);
    assert_int_equal(json_get_int(fit, "pid", 0), 7);
    assert_string_equal(json_string_value(json_array_get(list, 0)), "a?b");
    assert_true(json_is_true(json_array_get(list, 1)));
    assert_int_equal(json_string_length(json_object_get(event, "program")), 6001);
}

static void one_of_many_texts_keeps_the_least(void **state)
{
    AUTO_JSON json_t *event = event_with(accents(10));
    AUTO_JSON json_t *fit = NULL;
    char name[] = "aa";

    (void)state;
    for (; name[0] <= 'z'; name[0]++)
        json_object_set_new(event, name, accents(200));
    fit = evidence_fit(event, MAX);
    assert_int_equal(json_object_size(fit), 4);
    assert_true(json_get_bool(fit, "cut", false));
    assert_string_equal(json_get_string(fit, "event"), "token");
    assert_string_equal(json_get_string(fit, "at"), "2026");
    assert_int_equal(json_get_int(fit, "pid", 0), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_fits_is_the_same),
        cmocka_unit_test(a_long_one_is_cut_between_characters),
        cmocka_unit_test(one_of_many_texts_keeps_the_least),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
