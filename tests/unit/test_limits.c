/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/rate_limit.h"
#include "base/clock.h"

#define MINUTE_MS 60000

static int64_t take(struct rate_limit *limit, const char *program)
{
    bool first;

    return rate_limit_take(limit, program, &first);
}

static void a_burst_then_the_rate(void **state)
{
    struct rate_limit *limit = rate_limit_new(600, 20);
    bool first;

    (void)state;
    clock_fake(1000, 0);
    for (int i = 0; i < 20; i++)
        assert_int_equal(take(limit, "/a"), 0);
    assert_int_equal(rate_limit_take(limit, "/a", &first), 100);
    assert_true(first);
    assert_int_equal(rate_limit_take(limit, "/a", &first), 100);
    assert_false(first);
    assert_int_equal(take(limit, "/b"), 0);
    clock_fake(1099, 0);
    assert_int_equal(take(limit, "/a"), 1);
    clock_fake(1100, 0);
    assert_int_equal(take(limit, "/a"), 0);
    assert_int_equal(take(limit, "/a"), 100);
    clock_fake(INT64_MAX / 2, 0); /* long asleep: full, and no more than full */
    for (int i = 0; i < 20; i++)
        assert_int_equal(take(limit, "/a"), 0);
    assert_int_equal(rate_limit_take(limit, "/a", &first), 100);
    assert_true(first);
    rate_limit_free(limit);
}

/* What is left of ten thousand requests in a minute. */
static void ten_thousand_in_a_minute(void **state)
{
    struct rate_limit *limit = rate_limit_new(600, 200);
    int served = 0;

    (void)state;
    for (int i = 0; i < 10000; i++) {
        clock_fake(5000 + i * 6, 0);
        served += take(limit, "/a") == 0;
    }
    assert_in_range(served, 798, 800);
    rate_limit_free(limit);
}

static void many_programs(void **state)
{
    struct rate_limit *limit = rate_limit_new(60, 1);
    char name[16];

    (void)state;
    for (int i = 0; i < 2 * RATE_LIMIT_PROGRAMS_MAX; i++) {
        clock_fake(10 + i, 0);
        snprintf(name, sizeof name, "/%d", i);
        assert_int_equal(take(limit, name), 0);
    }
    assert_int_not_equal(take(limit, name), 0);
    rate_limit_free(limit);
}

static void no_more_than_full_after_a_short_rest(void **state)
{
    struct rate_limit *limit = rate_limit_new(60, 3);

    (void)state;
    clock_fake(1000, 0);
    assert_int_equal(take(limit, "/a"), 0);
    clock_fake(3500, 0); /* two are left, and two and a half more are due */
    for (int i = 0; i < 3; i++)
        assert_int_equal(take(limit, "/a"), 0);
    assert_int_not_equal(take(limit, "/a"), 0);
    rate_limit_free(limit);
}

/* Who comes back after that time is served. */
static void the_time_to_wait_is_long_enough(void **state)
{
    struct rate_limit *limit = rate_limit_new(7, 1);

    (void)state;
    clock_fake(1000, 0);
    assert_int_equal(take(limit, "/a"), 0);
    clock_fake(1000 + take(limit, "/a"), 0);
    assert_int_equal(take(limit, "/a"), 0);
    assert_int_not_equal(take(limit, "/a"), 0);
    rate_limit_free(limit);
}

/* The place of the one that was idle for longest is taken, not that of one at its limit. */
static void a_program_at_its_limit_stays_there(void **state)
{
    struct rate_limit *limit = rate_limit_new(1, 1);
    char name[16];

    (void)state;
    for (int i = 0; i < RATE_LIMIT_PROGRAMS_MAX; i++) {
        clock_fake(10 + i, 0);
        snprintf(name, sizeof name, "/%d", i);
        assert_int_equal(take(limit, name), 0);
    }
    assert_int_equal(take(limit, "/more"), 0);
    assert_int_not_equal(take(limit, name), 0);
    rate_limit_free(limit);
}

static void no_limit(void **state)
{
    struct rate_limit *limit = rate_limit_new(0, 1);

    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(take(limit, "/a"), 0);
    rate_limit_free(limit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_the_rate),
        cmocka_unit_test(ten_thousand_in_a_minute),
        cmocka_unit_test(many_programs),
        cmocka_unit_test(no_more_than_full_after_a_short_rest),
        cmocka_unit_test(the_time_to_wait_is_long_enough),
        cmocka_unit_test(a_program_at_its_limit_stays_there),
        cmocka_unit_test(no_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
