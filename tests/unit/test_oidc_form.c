/* SPDX-License-Identifier: Apache-2.0 */
/* Buffers, form encoding both ways, PKCE values and hashes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "oidc/buffer.h"
#include "oidc/form.h"
#include "oidc/pkce.h"

static void test_buffer_limit_is_sticky(void **state)
{
    AUTO_BUFFER struct buffer buffer = BUFFER_INIT(8);

    (void)state;
    assert_true(buffer_add_text(&buffer, "1234"));
    assert_true(buffer_add_text(&buffer, "5678"));
    assert_string_equal(buffer_text(&buffer), "12345678");
    assert_false(buffer_add_text(&buffer, "9"));
    assert_false(buffer_add(&buffer, "", 0));
    assert_null(buffer_text(&buffer));
    assert_null(buffer_take(&buffer));
}

static void test_buffer_grows_and_is_taken(void **state)
{
    AUTO_BUFFER struct buffer buffer = BUFFER_INIT(100000);
    AUTO_WIPED char *text = NULL;

    (void)state;
    assert_string_equal(buffer_text(&buffer), "");
    for (int i = 0; i < 10000; i++)
        assert_true(buffer_add_text(&buffer, "abcde"));
    text = buffer_take(&buffer);
    assert_int_equal(strlen(text), 50000);
    assert_int_equal(buffer.len, 0);
    assert_true(buffer_add_text(&buffer, "again"));
}

static void test_escape(void **state)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);

    (void)state;
    form_add(&form, "a", "AZaz09-._~");
    form_add(&form, "scope", "openid scope_all");
    form_add(&form, "odd", "%:+/&=?#\xc3\xa9\x7f");
    form_add_int(&form, "n", -5);
    assert_string_equal(buffer_text(&form), "a=AZaz09-._~&scope=openid%20scope_all&"
                                            "odd=%25%3A%2B%2F%26%3D%3F%23%C3%A9%7F&n=-5");
}

static void test_escape_after_a_query(void **state)
{
    AUTO_BUFFER struct buffer url = BUFFER_INIT(FORM_MAX);

    (void)state;
    buffer_add_text(&url, "https://idp.example.test/auth?");
    form_add(&url, "x", "1");
    assert_string_equal(buffer_text(&url), "https://idp.example.test/auth?x=1");
}

static void check_find(const char *query, const char *name, int expected, const char *value)
{
    AUTO_WIPED char *found = NULL;

    assert_int_equal(form_find(query, name, 16, &found), expected);
    if (value != NULL)
        assert_string_equal(found, value);
    else
        assert_null(found);
}

static void test_find(void **state)
{
    (void)state;
    check_find("state=abc&code=1", "state", 1, "abc");
    check_find("xstate=no&state=abc", "state", 1, "abc");
    check_find("state2=no&state=%61b%63", "state", 1, "abc");
    check_find("a=1&&state=x+y&", "state", 1, "x y");
    check_find("state=", "state", 1, "");
    check_find("", "state", 0, NULL);
    check_find("state", "state", 0, NULL);
    check_find("a=state=1", "state", 0, NULL);
}

static void test_find_refuses(void **state)
{
    (void)state;
    check_find("state=a&state=a", "state", -1, NULL);
    check_find("state=%", "state", -1, NULL);
    check_find("state=%4", "state", -1, NULL);
    check_find("state=%zz", "state", -1, NULL);
    check_find("state=%4&x=1", "state", -1, NULL);
    check_find("state=a%00b", "state", -1, NULL);
    check_find("state=12345678901234567", "state", -1, NULL);
}

static void test_challenge(void **state)
{
    char challenge[PKCE_VALUE_SIZE];

    (void)state; /* RFC 7636 appendix B */
    assert_true(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", challenge));
    assert_string_equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

static void test_half_hash(void **state)
{
    char hash[PKCE_HALF_HASH_SIZE];

    (void)state; /* OpenID Connect Core appendix A.3 */
    assert_true(pkce_half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y", hash));
    assert_string_equal(hash, "77QmUPtjPfzWtF2AnpK9RQ");
}

static void test_random_values_differ(void **state)
{
    char a[PKCE_VALUE_SIZE];
    char b[PKCE_VALUE_SIZE];

    (void)state;
    assert_true(pkce_random(a) && pkce_random(b));
    assert_int_equal(strlen(a), PKCE_VALUE_LEN);
    assert_string_not_equal(a, b);
    assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                     PKCE_VALUE_LEN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_buffer_limit_is_sticky),
        cmocka_unit_test(test_buffer_grows_and_is_taken),
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_escape_after_a_query),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_refuses),
        cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_half_hash),
        cmocka_unit_test(test_random_values_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
