/* SPDX-License-Identifier: Apache-2.0 */
/* Which transfers may resume, after failures and after a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "oidc/tls_sessions.h"

#define START_MS 1000000

struct world {
    struct tls_sessions *sessions;
    CURL *one;
    CURL *other;
};

static int set_up(void **state)
{
    static struct world world;

    clock_fake(START_MS, -1);
    world = (struct world){tls_sessions_new(), curl_easy_init(), curl_easy_init()};
    *state = &world;
    return world.sessions != NULL && world.one != NULL && world.other != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;

    curl_easy_cleanup(world->one);
    curl_easy_cleanup(world->other);
    tls_sessions_free(world->sessions);
    clock_fake(-1, -1);
    return 0;
}

static void test_two_at_once(void **state)
{
    struct world *world = *state;

    assert_true(tls_sessions_join(world->sessions, world->one));
    assert_true(tls_sessions_join(world->sessions, world->other));
    tls_sessions_leave(world->sessions, world->one);
    tls_sessions_leave(world->sessions, world->other);
}

/* While somebody still uses what is forgotten, others do without; then all begins anew. */
static void test_forget(void **state)
{
    struct world *world = *state;

    assert_true(tls_sessions_join(world->sessions, world->one));
    tls_sessions_forget(world->sessions);
    assert_false(tls_sessions_join(world->sessions, world->other));
    tls_sessions_leave(world->sessions, world->one);
    assert_true(tls_sessions_join(world->sessions, world->other));
    assert_true(tls_sessions_join(world->sessions, world->one));
    tls_sessions_leave(world->sessions, world->one);
    tls_sessions_leave(world->sessions, world->other);
}

static void test_age(void **state)
{
    struct world *world = *state;

    assert_true(tls_sessions_join(world->sessions, world->one));
    clock_fake(START_MS + TLS_SESSIONS_AGE_MS - 1, -1);
    assert_true(tls_sessions_join(world->sessions, world->other));
    tls_sessions_leave(world->sessions, world->other);
    clock_fake(START_MS + TLS_SESSIONS_AGE_MS, -1);
    assert_false(tls_sessions_join(world->sessions, world->other));
    tls_sessions_leave(world->sessions, world->one);
    assert_true(tls_sessions_join(world->sessions, world->other));
    tls_sessions_leave(world->sessions, world->other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_forget, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_age, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
