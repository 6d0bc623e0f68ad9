/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/api/api_check.h"
#include "base/json.h"
#include "base/util.h"

/* The reason of the refusal, "" when accepted. */
static const char *check(const char *method, const char *params)
{
    static struct fail fail;
    AUTO_JSON json_t *json = json_parse_strict(params, strlen(params));
    cps_error error;

    assert_non_null(json);
    assert_non_null(api_find(method));
    fail = (struct fail)FAIL_INIT;
    error = api_check(api_find(method), json, &fail);
    if (error == CPS_OK)
        return "";
    assert_int_equal(error, CPS_INVALID_PARAMS);
    assert_int_equal(fail.code, CPS_INVALID_PARAMS);
    return fail.reason;
}

#define ACCEPTED(method, params)        assert_string_equal(check(method, params), "")
#define REFUSED(method, params, reason) assert_string_equal(check(method, params), reason)

static void methods_are_found_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < API_METHOD_COUNT; i++) {
        assert_int_equal(api_methods[i].id, i);
        assert_ptr_equal(api_find(api_methods[i].name), &api_methods[i]);
        assert_true(api_methods[i].default_deadline_ms > 0);
    }
    assert_true(api_find("session.login")->interactive);
    assert_false(api_find("status")->interactive);
    assert_null(api_find(""));
    assert_null(api_find("Hello"));
    assert_null(api_find("hello "));
}

static void absent_params_are_an_empty_object(void **state)
{
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(api_check(api_find("status"), NULL, &fail), CPS_OK);
    assert_int_equal(api_check(api_find("hello"), NULL, &fail), CPS_INVALID_PARAMS);
    assert_string_equal(fail.reason, "protocol");
    REFUSED("status", "[]", "params");
    REFUSED("hello", "[1]", "params");
}

static void common_params_are_checked_everywhere(void **state)
{
    (void)state;
    ACCEPTED("status", "{\"deadline_ms\": 1, \"interaction\": \"none\"}");
    ACCEPTED("keys.jwks", "{\"deadline_ms\": 600000, \"interaction\": \"allowed\"}");
    REFUSED("status", "{\"deadline_ms\": 0}", "deadline_ms");
    REFUSED("status", "{\"deadline_ms\": 600001}", "deadline_ms");
    REFUSED("status", "{\"deadline_ms\": 1.0}", "deadline_ms");
    REFUSED("status", "{\"deadline_ms\": true}", "deadline_ms");
    REFUSED("status", "{\"deadline_ms\": null}", "deadline_ms");
    REFUSED("status", "{\"interaction\": \"NONE\"}", "interaction");
    REFUSED("status", "{\"extra\": 1}", "unknown");
}

static void objects_are_closed(void **state)
{
    (void)state;
    ACCEPTED("hello", "{\"protocol\": 1}");
    ACCEPTED("hello", "{\"protocol\": 1, \"client\": {\"name\": \"é\", \"version\": \"1\"}}");
    ACCEPTED("hello", "{\"protocol\": 1, \"display\": {\"tty\": \"/dev/pts/3\"}}");
    REFUSED("hello", "{\"protocol\": 1, \"client\": {}}", "name");
    REFUSED("hello", "{\"protocol\": 1, \"client\": {\"name\": \"\"}}", "name");
    REFUSED("hello", "{\"protocol\": 1, \"client\": {\"name\": \"a\\nb\"}}", "name");
    REFUSED("hello", "{\"protocol\": 1, \"client\": {\"name\": \"a\", \"x\": 1}}", "unknown");
    REFUSED("hello", "{\"protocol\": 1, \"display\": [1]}", "display");
}

static void lengths_count_characters(void **state)
{
    char params[1024] = "{\"protocol\": 1, \"client\": {\"name\": \"";
    size_t start = strlen(params);

    (void)state;
    for (size_t i = 0; i < 64; i++)
        strcat(params, "é");
    strcat(params, "\"}}");
    ACCEPTED("hello", params);
    strcpy(params + start + strlen("é") * 64, "e\"}}");
    REFUSED("hello", params, "name");
}

static void strings_obey_their_pattern(void **state)
{
    (void)state;
    ACCEPTED("session.login", "{\"method\": \"ecps\", \"national_id\": \"899700000001\"}");
    ACCEPTED("session.login", "{\"method\": \"ecps\", \"national_id\": \"5000/CPA1\"}");
    REFUSED("session.login", "{\"method\": \"ecps\", \"national_id\": \"89 97\"}", "national_id");
    REFUSED("session.login", "{\"method\": \"ecps\", \"national_id\": \"\"}", "national_id");
    REFUSED("session.login", "{\"method\": \"fido2\"}", "method");
    REFUSED("session.login", "{}", "method");
    ACCEPTED("session.login", "{\"method\": \"browser\", \"provider\": \"psc-bas\"}");
    REFUSED("session.login", "{\"method\": \"browser\", \"provider\": \"-a\"}", "provider");
    REFUSED("session.login", "{\"method\": \"browser\", \"provider\": \"../a\"}", "provider");
    ACCEPTED("statement.get", "{\"audience\": \"https://dpi\", \"nonce\": \"12345678\"}");
    REFUSED("statement.get", "{\"audience\": \"https://dpi\", \"nonce\": \"1234567\"}", "nonce");
    REFUSED("statement.get", "{\"audience\": \"a b\", \"nonce\": \"12345678\"}", "audience");
    REFUSED("statement.get", "{\"audience\": \"é\", \"nonce\": \"12345678\"}", "audience");
}

static void sets_and_ids(void **state)
{
    (void)state;
    ACCEPTED("subscribe", "{}");
    ACCEPTED("subscribe", "{\"events\": []}");
    ACCEPTED("subscribe", "{\"events\": [\"card\", \"session\"]}");
    REFUSED("subscribe", "{\"events\": [\"card\", \"card\"]}", "events");
    REFUSED("subscribe", "{\"events\": [\"cards\"]}", "events");
    REFUSED("subscribe", "{\"events\": [1]}", "events");
    REFUSED("subscribe", "{\"events\": \"card\"}", "events");
    REFUSED("subscribe", "{\"events\": [\"a\",\"b\",\"c\",\"d\",\"e\"]}", "events");
    ACCEPTED("cancel", "{\"id\": \"x\"}");
    ACCEPTED("cancel", "{\"id\": -3}");
    REFUSED("cancel", "{\"id\": 1.5}", "id");
    REFUSED("cancel", "{\"id\": null}", "id");
    REFUSED("cancel", "{}", "id");
}

static void defaults_come_from_the_interface(void **state)
{
    const struct api_method *method = api_find("token.get");
    AUTO_JSON json_t *params = json_pack("{s:i}", "min_ttl_s", 60);

    (void)state;
    assert_string_equal(api_string(method, NULL, "kind"), "access");
    assert_null(api_string(method, NULL, "provider"));
    assert_int_equal(api_int(method, NULL, "min_ttl_s"), 10);
    assert_int_equal(api_int(method, params, "min_ttl_s"), 60);
    assert_string_equal(api_string(method, params, "interaction"), "allowed");
    assert_int_equal(api_int(method, params, "deadline_ms"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(methods_are_found_by_name),
        cmocka_unit_test(absent_params_are_an_empty_object),
        cmocka_unit_test(common_params_are_checked_everywhere),
        cmocka_unit_test(objects_are_closed),
        cmocka_unit_test(lengths_count_characters),
        cmocka_unit_test(strings_obey_their_pattern),
        cmocka_unit_test(sets_and_ids),
        cmocka_unit_test(defaults_come_from_the_interface),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
