/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/prompt/new_code.h"

static enum new_code check(const char *code, const char *current, unsigned digits)
{
    AUTO_SECRET struct secret *new_code = secret_new();
    AUTO_SECRET struct secret *old = secret_new();

    assert_int_equal(secret_set(new_code, code, strlen(code)), 0);
    assert_int_equal(secret_set(old, current, strlen(current)), 0);
    return new_code_check(new_code, old, digits);
}

static void what_a_new_pin_may_be(void **state)
{
    static const struct {
        const char *code;
        enum new_code verdict;
    } cases[] = {
        {"1973", NEW_CODE_FINE}, {"0852", NEW_CODE_FINE},  {"1123", NEW_CODE_FINE},
        {"1224", NEW_CODE_FINE}, {"1211", NEW_CODE_FINE},  {"", NEW_CODE_FORM},
        {"123", NEW_CODE_FORM},  {"19735", NEW_CODE_FORM}, {"12 4", NEW_CODE_FORM},
        {"197a", NEW_CODE_FORM}, {"-123", NEW_CODE_FORM},  {"4826", NEW_CODE_SAME},
        {"0000", NEW_CODE_WEAK}, {"9999", NEW_CODE_WEAK},  {"1234", NEW_CODE_WEAK},
        {"6789", NEW_CODE_WEAK}, {"7890", NEW_CODE_WEAK},  {"4321", NEW_CODE_WEAK},
        {"2109", NEW_CODE_WEAK}, {"1212", NEW_CODE_WEAK},  {"9090", NEW_CODE_WEAK},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(check(cases[i].code, "4826", 4), cases[i].verdict);
}

/* Another card than a CPS says itself what its PIN may be. */
static void without_a_rule(void **state)
{
    (void)state;
    assert_int_equal(check("1234", "x", 0), NEW_CODE_FINE);
    assert_int_equal(check("a long one", "x", 0), NEW_CODE_FINE);
    assert_int_equal(check("", "x", 0), NEW_CODE_FORM);
    assert_int_equal(check("two\nlines", "x", 0), NEW_CODE_FORM);
    assert_int_equal(check("x", "x", 0), NEW_CODE_SAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_new_pin_may_be),
        cmocka_unit_test(without_a_rule),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
