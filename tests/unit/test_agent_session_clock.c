/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/session_clock.h"
#include "base/clock.h"

#define NOW     1700000000
#define MINUTES 60000

/* What was told last, and how often. */
struct told {
    unsigned warnings;
    unsigned ends;
    enum session_input why;
    int64_t ends_at_s;
};

static sd_event *event;
static struct session_clock session_clock;
static struct told told;

static void on_ending(void *user, enum session_input why, int64_t ends_at_s)
{
    struct told *t = user;

    t->warnings++;
    t->why = why;
    t->ends_at_s = ends_at_s;
}

static void on_ended(void *user, enum session_input why)
{
    struct told *t = user;

    t->ends++;
    t->why = why;
}

static const struct session_clock_class class = {on_ending, on_ended};

static int set_up(void **state)
{
    (void)state;
    told = (struct told){0};
    return sd_event_new(&event) < 0;
}

static int tear_down(void **state)
{
    (void)state;
    session_clock_stop(&session_clock);
    clock_fake(-1, -1);
    sd_event_unref(event);
    return 0;
}

static void start(int64_t lasts_s, int64_t idle_ms)
{
    clock_fake(0, NOW);
    session_clock_start(&session_clock, event, NOW + lasts_s, idle_ms, &class, &told);
}

static void look_at(int64_t minute, int64_t ms)
{
    clock_fake(minute * MINUTES + ms, NOW + minute * 60);
    session_clock_look(&session_clock);
}

static void unused_it_ends_after_a_warning(void **state)
{
    (void)state;
    start(SESSION_MAX_S, 30 * MINUTES);
    look_at(27, 59999);
    assert_int_equal(told.warnings, 0);
    look_at(28, 0);
    look_at(29, 0); /* once */
    assert_int_equal(told.warnings, 1);
    assert_int_equal(told.why, SESSION_IDLE);
    assert_int_equal(told.ends_at_s, NOW + 30 * 60);
    assert_int_equal(told.ends, 0);
    look_at(30, 0);
    assert_int_equal(told.ends, 1);
    assert_int_equal(told.why, SESSION_IDLE);
}

static void used_it_goes_on_and_warns_again(void **state)
{
    (void)state;
    start(SESSION_MAX_S, 30 * MINUTES);
    look_at(29, 0);
    session_clock_touch(&session_clock);
    look_at(30, 0);
    assert_int_equal(told.ends, 0);
    look_at(57, 0);
    assert_int_equal(told.warnings, 2);
    look_at(59, 0);
    assert_int_equal(told.ends, 1);
}

static void used_or_not_it_ends_at_its_time(void **state)
{
    (void)state;
    start(SESSION_MAX_S, 30 * MINUTES);
    for (int64_t minute = 0; minute < 240; minute += 10) {
        look_at(minute, 0);
        session_clock_touch(&session_clock);
    }
    assert_int_equal(told.warnings, 0);
    look_at(238, 0);
    assert_int_equal(told.why, SESSION_EXPIRED);
    assert_int_equal(told.ends_at_s, NOW + SESSION_MAX_S);
    session_clock_touch(&session_clock);
    look_at(240, 0);
    assert_int_equal(told.ends, 1);
    assert_int_equal(told.why, SESSION_EXPIRED);
}

/* A clock of the machine that was wrong at the login cannot make a session longer. */
static void no_longer_than_the_rule(void **state)
{
    (void)state;
    start(10 * SESSION_MAX_S, 30 * MINUTES);
    assert_int_equal(session_clock.expires_ms, (int64_t)SESSION_MAX_S * 1000);
    session_clock_stop(&session_clock);
    start(-5, 30 * MINUTES);
    look_at(0, 0);
    assert_int_equal(told.ends, 1);
}

static void the_timer_does_it(void **state)
{
    (void)state;
    session_clock_start(&session_clock, event, clock_real_s() + 100, 20, &class, &told);
    while (told.ends == 0)
        assert_true(sd_event_run(event, 5000000) > 0);
    assert_int_equal(told.warnings, 0); /* nothing to warn of: it is shorter than a warning */
    assert_int_equal(told.why, SESSION_IDLE);
}

/* There is no warning to wake up for, again and again, before the end. */
static void too_short_for_a_warning_it_sleeps_to_its_end(void **state)
{
    (void)state;
    session_clock_start(&session_clock, event, clock_real_s() + 100, 50000, &class, &told);
    assert_int_equal(sd_event_run(event, 0), 0);
    assert_int_equal(told.warnings + told.ends, 0);
}

#define WITH_EVENT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_EVENT(unused_it_ends_after_a_warning),
        WITH_EVENT(used_it_goes_on_and_warns_again),
        WITH_EVENT(used_or_not_it_ends_at_its_time),
        WITH_EVENT(no_longer_than_the_rule),
        WITH_EVENT(the_timer_does_it),
        WITH_EVENT(too_short_for_a_warning_it_sleeps_to_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
