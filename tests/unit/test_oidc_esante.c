/* SPDX-License-Identifier: Apache-2.0 */
/* What a program may ask of an e-Santé proxy, and what the proxy may answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/secret.h"
#include "base/util.h"
#include "oidc/esante_answer.h"
#include "oidc/esante_path.h"

static void test_plain_paths(void **state)
{
    static const char *const endpoints[][2] = {
        {"", "/send/dmp/"},
        {"a", "/send/dmp/a"},
        {"a/", "/send/dmp/a/"},
        {"a/b.c/...d?x=../..//&y=%20?z", "/send/dmp/a/b.c/...d?x=../..//&y=%20?z"},
        {"Patient;v=1/$everything", "/send/dmp/Patient;v=1/$everything"},
        {"%41%c3%A9", "/send/dmp/%41%c3%A9"},
    };
    char path[ESANTE_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++) {
        if (!esante_path("dmp", endpoints[i][0], path))
            fail_msg("refused: %s", endpoints[i][0]);
        assert_string_equal(path, endpoints[i][1]);
    }
}

static void test_other_paths(void **state)
{
    static const char *const endpoints[] = {
        "/",
        "/a",
        "a//b",
        "a//",
        ".",
        "..",
        "...",
        "../a",
        "a/..",
        "a/./b",
        "a/../../b",
        /* dots, and what servers cut off before they look */
        "..;/a",
        "a/..;x=1/b",
        ".;/a",
        ";/a",
        "a/;x/b",
        "a/..;",
        /* escapes that hide something, in either case, or are none */
        "%2e%2E/a",
        "a%2fb",
        "a%2Fb",
        "a%5cb",
        "a%5Cb",
        "a%00b",
        "a%0ab",
        "a%1fb",
        "a%7fb",
        "a%7Fb",
        "%252e",
        "a%",
        "a%4",
        "a%4g",
        "a%g4",
        "a?%0d",
        "a?x=%2e",
        /* characters that a path has not */
        "a b",
        "a#b",
        "a\\b",
        "a\"b",
        "a<b",
        "\xc3\xa9",
        "a?b#c",
        "a?b c",
        "a\nb",
        "a\x7f",
    };
    char path[ESANTE_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof endpoints / sizeof *endpoints; i++)
        if (esante_path("dmp", endpoints[i], path))
            fail_msg("accepted: %s", endpoints[i]);
    assert_false(esante_path("dmp", NULL, path));
}

static void test_services(void **state)
{
    static const char *const wrong[] = {"", ".", "..", "a/b", "a.b", "a%2f", "a;b", "a b", "a?"};
    char long_one[66] = "", path[ESANTE_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(esante_path(wrong[i], "x", path));
    assert_false(esante_path(NULL, "x", path));
    assert_true(esante_path("Dmp_2-x", "x", path));
    memset(long_one, 's', 64);
    assert_true(esante_path(long_one, "x", path));
    long_one[64] = 's';
    assert_false(esante_path(long_one, "x", path));
}

static void test_longest_path(void **state)
{
    size_t most = ESANTE_PATH_MAX - strlen("/send/dmp/") - 1;
    char endpoint[ESANTE_PATH_MAX] = "", path[ESANTE_PATH_MAX];

    (void)state;
    memset(endpoint, 'e', most);
    assert_true(esante_path("dmp", endpoint, path));
    assert_int_equal(strlen(path), ESANTE_PATH_MAX - 1);
    endpoint[most] = 'e';
    assert_false(esante_path("dmp", endpoint, path));
}

static void test_methods_and_headers(void **state)
{
    char value[130] = "";

    (void)state;
    assert_true(esante_method("GET") && esante_method("DELETE"));
    assert_false(esante_method(NULL) || esante_method("") || esante_method("get"));
    assert_false(esante_method("TRACE") || esante_method("GET\r\nX: y"));
    assert_true(esante_header("application/fhir+json; charset=utf-8"));
    assert_false(esante_header("") || esante_header("a\nb") || esante_header("a\tb"));
    assert_false(esante_header("a\x7f") || esante_header("\xc3\xa9"));
    memset(value, 'v', 128);
    assert_true(esante_header(value));
    value[128] = 'v';
    assert_false(esante_header(value));
}

/* reason "": accepted, and the cookie is that of the body. */
static void check_connect(const char *body, const char *set_cookie, const char *reason)
{
    struct http_answer answer = {.status = 200,
                                 .type = "application/json",
                                 .body = body,
                                 .len = strlen(body),
                                 .cookie = set_cookie};
    AUTO_SECRET struct secret *cookie = NULL;
    char session_state[ESANTE_STATE_MAX + 1] = "";
    struct fail fail = FAIL_INIT;

    assert_int_equal(esante_read_connect(&answer, &cookie, session_state, &fail),
                     reason[0] == '\0' ? CPS_OK : CPS_PROVIDER_ANSWER);
    assert_string_equal(fail.reason, reason);
    assert_int_equal(cookie != NULL, reason[0] == '\0');
    if (cookie != NULL && set_cookie[0] != '\0')
        assert_string_equal((const char *)secret_data(cookie), set_cookie);
}

static void check_value(const char *value, const char *reason)
{
    AUTO_FREE char *body = NULL;

    assert_true(asprintf(&body, "{\"proxy_session_id\":\"%s\"}", value) > 0);
    check_connect(body, "", reason);
}

static void test_connect(void **state)
{
    static const char *const wrong[] = {"",       "a b",   "a;b",      "a,b", "a\\\"b",
                                        "a\\\\b", "a\\nb", "\xc3\xa9", "\x7f"};
    char value[ESANTE_COOKIE_MAX + 2] = "";
    AUTO_FREE char *longest = NULL;
    AUTO_FREE char *longer = NULL;

    (void)state;
    check_connect("{\"proxy_session_id\":\"one\",\"session_state\":\"s\"}", "one", "");
    check_connect("{\"proxy_session_id\":\"one\"}", "", "");
    check_connect("{\"proxy_session_id\":\"one\"}", "one-and-more", "cookie");
    check_connect("{\"proxy_session_id\":\"one\"}", "on", "cookie");
    check_connect("{\"proxy_session_id\":\"one\"}", "?", "cookie");
    check_connect("{\"proxy_session_id\":\"a\",\"proxy_session_id\":\"a\"}", "",
                  "proxy_session_id");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        check_value(wrong[i], "proxy_session_id");
    memset(value, 'c', ESANTE_COOKIE_MAX);
    check_value(value, "");
    value[ESANTE_COOKIE_MAX] = 'c';
    check_value(value, "proxy_session_id");
    assert_true(asprintf(&longest, "{\"proxy_session_id\":\"one\",\"session_state\":\"%0*d\"}",
                         ESANTE_STATE_MAX, 0) > 0);
    assert_true(asprintf(&longer, "{\"proxy_session_id\":\"one\",\"session_state\":\"%0*d\"}",
                         ESANTE_STATE_MAX + 1, 0) > 0);
    check_connect(longest, "one", "");
    check_connect(longer, "one", "session_state");
}

static bool gone(long status, const char *body)
{
    struct http_answer answer = {.status = status, .body = body, .len = strlen(body)};

    return esante_session_gone(&answer);
}

/* An API's own 401 is passed on, and ends no session. */
static void test_session_gone(void **state)
{
    (void)state;
    assert_true(gone(401, "{\"code\":\"401\",\"message\":\"No session found.\"}"));
    assert_true(gone(401, "{\"message\":\"Session ID not found.\"}"));
    assert_false(gone(401, "{\"message\":\"No session found. Or was it?\"}"));
    assert_false(gone(401, "{\"message\":\"token expired\"}"));
    assert_false(gone(401, "{}"));
    assert_false(gone(401, ""));
    assert_false(gone(403, "{\"message\":\"No session found.\"}"));
    assert_false(gone(200, "{\"message\":\"No session found.\"}"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_paths),
        cmocka_unit_test(test_other_paths),
        cmocka_unit_test(test_services),
        cmocka_unit_test(test_longest_path),
        cmocka_unit_test(test_methods_and_headers),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_session_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
