/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions at a provider: which are one, which may be refreshed, which are still to be ended. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "oidc/farewell.h"
#include "oidc/http.h"
#include "oidc/idtoken.h"
#include "oidc/refresh.h"

#define NOW 1700000000

static struct provider one, other;

static struct oidc_session *add(struct store *store, struct provider *provider, const char *sid)
{
    struct tokens none = {0};
    struct oidc_session *session = store_add(store, provider, "sub", "", &none);

    assert_non_null(session);
    snprintf(session->sid, sizeof session->sid, "%s", sid);
    return session;
}

/* One name at one provider is one session; without a name each is its own. */
static void test_shared_sessions(void **state)
{
    struct store store = {0};
    struct oidc_session *first = add(&store, &one, "s");
    struct oidc_session *elsewhere = add(&store, &other, "s");
    struct oidc_session *another = add(&store, &one, "t");
    struct oidc_session *nameless = add(&store, &one, "");
    struct oidc_session *second;

    (void)state;
    add(&store, &one, "");
    assert_false(store_is_shared(first) || store_is_shared(elsewhere));
    assert_false(store_is_shared(another) || store_is_shared(nameless));
    second = add(&store, &one, "s");
    assert_true(store_is_shared(first) && store_is_shared(second));
    assert_false(store_is_shared(elsewhere) || store_is_shared(another));
    store_remove(&store, first, NULL);
    assert_false(store_is_shared(second));
    store_done(&store);
}

static void test_too_many_sessions(void **state)
{
    struct store store = {0};
    struct tokens none = {0};
    char sub[257];

    (void)state;
    memset(sub, 's', sizeof sub);
    sub[256] = '\0';
    assert_null(store_add(&store, &one, sub, "", &none));
    for (int i = 0; i < STORE_MAX; i++)
        add(&store, &one, "");
    assert_null(store_add(&store, &one, "sub", "", &none));
    assert_null(store_find(&store, NULL));
    assert_null(store_find(&store, ""));
    store_done(&store);
    assert_int_equal(store.n, 0);
}

static void leave(struct oidcd *oidcd, struct provider *provider, const char *sid)
{
    struct farewell_words words = {.tokens = {.id_token = strdup("token")}};

    snprintf(words.sid, sizeof words.sid, "%s", sid);
    farewell_add(oidcd, provider, &words);
    assert_null(words.tokens.id_token);
}

/* A login takes back the farewell of the very session that it goes on with, and no other one. */
static void test_withdrawn_farewells(void **state)
{
    struct oidcd oidcd = {0};

    (void)state;
    assert_true(sd_event_new(&oidcd.event) >= 0);
    leave(&oidcd, &one, "s");
    leave(&oidcd, &one, "t");
    leave(&oidcd, &other, "s");
    leave(&oidcd, &one, "");
    farewells_withdraw(&oidcd, &one, "");
    farewells_withdraw(&oidcd, &one, "u");
    farewells_withdraw(&oidcd, &other, "t");
    assert_int_equal(oidcd.n_farewells, 4);
    farewells_withdraw(&oidcd, &one, "s");
    assert_int_equal(oidcd.n_farewells, 3);
    farewells_withdraw(&oidcd, &other, "s");
    assert_int_equal(oidcd.n_farewells, 2);
    farewells_drop(&oidcd);
    assert_int_equal(oidcd.n_farewells, 0);
    sd_event_unref(oidcd.event);
}

static void never(void *user, const struct fail *fail)
{
    (void)user;
    (void)fail;
    fail_msg("called");
}

static void check_join(struct oidc_session *session, cps_error error, const char *reason)
{
    struct waiter waiter = {0};
    struct fail fail = FAIL_INIT;

    assert_int_equal(refresh_join(session, &waiter, never, NULL, &fail), error);
    assert_string_equal(fail.reason, reason);
}

/* Four hours after the login nothing is asked any more, whatever the provider would say. */
static void test_a_session_is_refreshed_for_four_hours(void **state)
{
    struct oidc_session session = {.auth_at = NOW - IDTOKEN_SESSION_S,
                                   .rest = {.until_ms = INT64_MAX}};

    (void)state;
    clock_fake(-1, NOW);
    check_join(&session, CPS_TOKEN_UNAVAILABLE, "");
    session.tokens.refresh_token = secret_new();
    assert_int_equal(secret_set(session.tokens.refresh_token, "r", 1), 0);
    check_join(&session, CPS_LOGIN_EXPIRED, "too_old");
    session.auth_at++;
    check_join(&session, CPS_PROVIDER_UNAVAILABLE, "resting");
    tokens_done(&session.tokens);
    clock_fake(-1, -1);
}

/* One phone rings for one person once at a provider; another provider has phones of its own. */
static void test_who_is_rung(void **state)
{
    struct request second = {.provider = &one, .user_id = "899700000029"};
    struct request first = {.next = &second, .provider = &other, .user_id = "899700000011"};
    struct request silent = {.next = &first, .provider = &one};
    const struct oidcd oidcd = {.requests = &silent};

    (void)state;
    assert_true(request_rings(&oidcd, &one, "899700000029"));
    assert_true(request_rings(&oidcd, &other, "899700000011"));
    assert_false(request_rings(&oidcd, &one, "899700000011"));
    assert_false(request_rings(&oidcd, &other, "899700000029"));
}

/* Seconds of a pause; up to a tenth more is chance. */
static int64_t pause_of(struct rest *rest, int64_t asked_s)
{
    int64_t pause_ms;

    rest_begin(rest, asked_s);
    pause_ms = rest->until_ms - clock_boot_ms();
    assert_in_range(pause_ms, rest->pause_s * 1000, rest->pause_s * 1100);
    return rest->pause_s;
}

static void test_pauses(void **state)
{
    struct rest rest = {0};

    (void)state;
    clock_fake(5000, -1);
    assert_int_equal(pause_of(&rest, 0), REST_MIN_S);
    assert_int_equal(pause_of(&rest, 0), 2 * REST_MIN_S);
    assert_int_equal(pause_of(&rest, 7), 7);
    assert_int_equal(pause_of(&rest, 1), 14);
    assert_int_equal(pause_of(&rest, REST_MAX_S + 100), REST_MAX_S);
    assert_int_equal(pause_of(&rest, 0), REST_MAX_S);
    assert_true(rest_lasts(&rest));
    clock_fake(rest.until_ms, -1);
    assert_false(rest_lasts(&rest));
    rest_end(&rest);
    assert_int_equal(pause_of(&rest, 0), REST_MIN_S);
    clock_fake(-1, -1);
}

/* libcurl would write the keys of every connection to that file. */
static void test_no_key_log(void **state)
{
    (void)state;
    assert_int_equal(setenv("SSLKEYLOGFILE", "keys.log", 1), 0);
    assert_true(http_global_init());
    assert_null(getenv("SSLKEYLOGFILE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_sessions),
        cmocka_unit_test(test_too_many_sessions),
        cmocka_unit_test(test_withdrawn_farewells),
        cmocka_unit_test(test_a_session_is_refreshed_for_four_hours),
        cmocka_unit_test(test_who_is_rung),
        cmocka_unit_test(test_pauses),
        cmocka_unit_test(test_no_key_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
