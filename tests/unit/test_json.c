/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

static json_t *parse(const char *text)
{
    return json_parse_strict(text, strlen(text));
}

static void depth_is_counted_outside_strings(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 3] = "";
    AUTO_JSON json_t *deep = NULL;
    AUTO_JSON json_t *quoted = NULL;

    (void)state;
    memset(text, '[', JSON_DEPTH_MAX);
    memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
    deep = parse(text);
    assert_non_null(deep);
    memset(text, '[', JSON_DEPTH_MAX + 1);
    memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
    assert_null(parse(text));
    quoted = parse("[\"[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[[[[[[[[[[[\"]");
    assert_non_null(quoted);
}

/* A string left open must not hide the brackets that follow from the count. */
static void no_depth_hides_behind_quotes(void **state)
{
    static char text[100000];

    (void)state;
    memset(text, '[', sizeof text - 1);
    assert_null(json_parse_strict(text, sizeof text - 1));
    text[0] = '"';
    assert_null(json_parse_strict(text, sizeof text - 1));
    text[0] = '\\';
    assert_null(json_parse_strict(text, sizeof text - 1));
    memcpy(text, "[\"\\\\\",", 7);
    assert_null(json_parse_strict(text, sizeof text - 1));
}

static void what_is_refused(void **state)
{
    static const char *const texts[] = {
        "",
        " ",
        "{} {}",
        "{}x",
        "{\"a\":1,\"a\":1}",
        "{\"a\":{\"b\":1,\"b\":2}}",
        "[{\"a\":1,\"\\u0061\":1}]",
        "{\"a\":\"\\u0000\"}",
        "{\"\\u0000\":1}",
        "{\"a\":\"\xc3\"}",
        "{\"a\":\"\xc0\x80\"}",
        "{\"a\":\"\\ud800\"}",
        "{\"a\":\"\t\"}",
        "{\"a\":NaN}",
        "{\"a\":01}",
        "{\"a\":1,}",
        "{a:1}",
        "\"text\"",
        "1",
        "{\"a\":9223372036854775808}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_null(parse(texts[i]));
    assert_null(json_parse_strict("{}\0", 3));
    assert_null(json_parse_strict("{}\0{}", 5));
    assert_null(json_parse_strict("{\"a\":1}", 6));
}

static void members_are_of_their_type_or_absent(void **state)
{
    AUTO_JSON json_t *json =
        parse("{\"s\":\"x\",\"o\":{},\"a\":[],\"t\":true,\"i\":-5,\"r\":1.0,\"n\":null}");

    (void)state;
    assert_non_null(json);
    assert_string_equal(json_get_string(json, "s"), "x");
    assert_non_null(json_get_object(json, "o"));
    assert_non_null(json_get_array(json, "a"));
    assert_true(json_get_bool(json, "t", false));
    assert_int_equal(json_get_int(json, "i", 0), -5);
    assert_null(json_get_string(json, "i"));
    assert_null(json_get_object(json, "a"));
    assert_null(json_get_array(json, "o"));
    assert_true(json_get_bool(json, "i", true));
    assert_int_equal(json_get_int(json, "r", 7), 7);
    assert_int_equal(json_get_int(json, "s", 7), 7);
    assert_null(json_get_string(json, "n"));
    assert_null(json_get_string(json, "absent"));
    assert_null(json_get_string(NULL, "s"));
    assert_null(json_get_string(json_object_get(json, "a"), "s"));
    assert_int_equal(json_get_int(NULL, "i", 7), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_is_counted_outside_strings),
        cmocka_unit_test(no_depth_hides_behind_quotes),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(members_are_of_their_type_or_absent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
