/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/backoff.h"
#include "base/clock.h"
#include <cmocka.h>

static void retry(void *user)
{
    ++*(int *)user;
}

/* Another failure: the retry is due so long after it, whatever the machine does meanwhile. */
static void fails(struct backoff *backoff, sd_event *event, int *retries, int64_t expected_ms)
{
    int64_t before_ms = clock_boot_ms();
    uint64_t usec = 0;

    backoff_failed(backoff, event, retry, retries);
    assert_int_equal(sd_event_source_get_time(backoff->timer, &usec), 0);
    assert_in_range((int64_t)(usec / 1000), before_ms + expected_ms, clock_boot_ms() + expected_ms);
}

static void delays_double_up_to_a_minute(void **state)
{
    static const int64_t expected[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000, 60000};
    struct backoff backoff = {0};
    sd_event *event = NULL;
    int retries = 0;

    (void)state;
    assert_true(sd_event_new(&event) >= 0);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        fails(&backoff, event, &retries, expected[i]);
    for (int i = 0; i < 1000; i++) /* as many as there are in a long night */
        backoff_failed(&backoff, event, retry, &retries);
    fails(&backoff, event, &retries, 60000);
    backoff_worked(&backoff);
    fails(&backoff, event, &retries, 1000);
    backoff_done(&backoff);
    backoff_done(&backoff);
    assert_null(backoff.timer);
    assert_int_equal(retries, 0);
    sd_event_unref(event);
}

static void a_retry_comes_once(void **state)
{
    struct backoff backoff = {0};
    sd_event *event = NULL;
    int retries = 0;

    (void)state;
    assert_true(sd_event_new(&event) >= 0);
    backoff_failed(&backoff, event, retry, &retries);
    assert_int_equal(sd_event_source_set_time_relative(backoff.timer, 0), 0);
    assert_true(sd_event_run(event, 5000000) > 0);
    assert_int_equal(retries, 1);
    assert_null(backoff.timer);
    assert_int_equal(sd_event_run(event, 0), 0);
    sd_event_unref(event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(delays_double_up_to_a_minute),
        cmocka_unit_test(a_retry_comes_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
