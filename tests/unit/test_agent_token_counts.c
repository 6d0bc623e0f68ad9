/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/token_counts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void test_a_program_is_its_path(void **state)
{
    struct token_counts counts = {0};
    struct token_count *mail;

    (void)state;
    assert_null(token_counts_find(&counts, "/usr/bin/mail", 10, TOKEN_ACCESS));
    mail = token_counts_add(&counts, "/usr/bin/mail", 10, TOKEN_ACCESS);
    assert_non_null(mail);
    assert_ptr_equal(token_counts_find(&counts, "/usr/bin/mail", 99, TOKEN_ACCESS), mail);
    assert_null(token_counts_find(&counts, "/usr/bin/mail", 10, TOKEN_ID));
    assert_null(token_counts_find(&counts, "/usr/bin/mai", 10, TOKEN_ACCESS));
    assert_null(token_counts_find(&counts, NULL, 10, TOKEN_ACCESS));
    token_counts_clear(&counts);
    assert_null(token_counts_find(&counts, "/usr/bin/mail", 10, TOKEN_ACCESS));
}

static void test_without_a_path_it_is_its_process(void **state)
{
    struct token_counts counts = {0};
    struct token_count *first = token_counts_add(&counts, NULL, 10, TOKEN_ID);

    (void)state;
    assert_ptr_equal(token_counts_find(&counts, NULL, 10, TOKEN_ID), first);
    assert_null(token_counts_find(&counts, NULL, 11, TOKEN_ID));
    assert_null(token_counts_find(&counts, "/usr/bin/mail", 10, TOKEN_ID));
    token_counts_clear(&counts);
}

static void test_a_full_table_takes_no_more(void **state)
{
    struct token_counts counts = {0};
    char path[32];

    (void)state;
    for (int i = 0; i < TOKEN_COUNTS_MAX; i++) {
        snprintf(path, sizeof path, "/opt/program-%d", i);
        assert_non_null(token_counts_add(&counts, path, i, TOKEN_ACCESS));
    }
    assert_null(token_counts_add(&counts, "/opt/another", 1000, TOKEN_ACCESS));
    assert_non_null(token_counts_find(&counts, "/opt/program-0", 0, TOKEN_ACCESS));
    token_counts_clear(&counts);
    assert_non_null(token_counts_add(&counts, "/opt/another", 1000, TOKEN_ACCESS));
    token_counts_clear(&counts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_is_its_path),
        cmocka_unit_test(test_without_a_path_it_is_its_process),
        cmocka_unit_test(test_a_full_table_takes_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
