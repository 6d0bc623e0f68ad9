/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of one session: one refresh for all, a clock that is set, four hours after the login at
 * the provider. Session, oidcd and requests are the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/evidence_events.h"
#include "agent/exchange.h"
#include "agent/oidc.h"
#include "agent/request.h"
#include "agent/tokens.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#define NOW   1700000000
#define HOURS (3600 * (int64_t)1000)

static struct agent agent;
static struct conn conn = {.agent = &agent};
static struct tokens *tokens;
static cps_error session_state_is;

/* What came of the requests, and what was asked of oidcd. */
static unsigned answers, failures, refreshes, logouts;
static cps_error last_failure;
static char last_answer[512], last_logout[32];
static call_done refreshed;
static void *refreshed_user;

void request_reply_text(struct request *request, const char *text, size_t len)
{
    (void)request;
    assert_true(len < sizeof last_answer);
    memcpy(last_answer, text, len);
    last_answer[len] = '\0';
    answers++;
}

void request_fail(struct request *request, const struct fail *fail)
{
    (void)request;
    last_failure = fail->code;
    failures++;
}

void request_wait(struct request *request, void (*on_cancel)(struct request *request, void *user),
                  void *user)
{
    request->on_cancel = on_cancel;
    request->user = user;
}

cps_error session_check(const struct session *session, struct fail *fail)
{
    (void)session;
    return session_state_is == CPS_OK ? CPS_OK : fail_set(fail, session_state_is, "-");
}

void session_touch(struct session *session)
{
    (void)session;
}

void evidence_token(struct agent *it, const struct conn *to, enum token_kind kind)
{
    (void)it;
    (void)to;
    (void)kind;
}

void evidence_refresh_failed(struct agent *it, const struct session *session, const char *provider,
                             const struct fail *fail)
{
    (void)it;
    (void)session;
    (void)provider;
    (void)fail;
}

int64_t session_expires_at_s(const struct session *session)
{
    (void)session;
    return NOW + SESSION_MAX_S;
}

/* What it was exchanged for has tests of its own. */
struct exchange *exchange_new(struct agent *it)
{
    return (struct exchange *)it;
}

void exchange_free(struct exchange *exchange)
{
    (void)exchange;
}

void exchange_get(struct exchange *exchange, struct request *request,
                  const struct exchange_source *source, const char *api, int64_t min_ttl_s)
{
    (void)exchange;
    (void)request;
    (void)source;
    (void)api;
    (void)min_ttl_s;
}

void exchange_hold(struct exchange *exchange, const struct fail *why)
{
    (void)exchange;
    (void)why;
}

void exchange_drop(struct exchange *exchange, const struct fail *why)
{
    (void)exchange;
    (void)why;
}

struct call *oidc_call(struct oidc *oidc, const char *op, json_t *params, int64_t timeout_ms,
                       call_done done, call_progress progress, void *user, struct fail *fail)
{
    (void)oidc;
    (void)timeout_ms;
    (void)progress;
    (void)fail;
    assert_string_equal(op, "refresh");
    json_decref(params);
    refreshes++;
    refreshed = done;
    refreshed_user = user;
    return (struct call *)&refreshes;
}

bool call_forget(struct call *call)
{
    refreshed = NULL;
    return call != NULL;
}

void oidc_logout(struct oidc *oidc, const char *handle)
{
    (void)oidc;
    strcpy(last_logout, handle);
    logouts++;
}

void oidc_look(struct oidc *oidc)
{
    (void)oidc;
}

static json_t *login_of(const char *handle, const char *token, int64_t auth_at_s)
{
    return json_pack("{s:s, s:s, s:I, s:s, s:I}", "handle", handle, "provider", "test", "auth_at",
                     (json_int_t)auth_at_s, "access_token", token, "access_token_exp_at",
                     (json_int_t)clock_real_s() + 120);
}

static int set_up(void **state)
{
    AUTO_JSON json_t *login = NULL;

    (void)state;
    clock_fake(0, NOW);
    session_state_is = CPS_OK;
    answers = failures = refreshes = logouts = 0;
    tokens = tokens_new(&agent, NULL);
    login = login_of("h1", "first", NOW - 60);
    tokens_take(tokens, login, 7);
    return tokens == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    tokens_free(tokens);
    clock_fake(-1, -1);
    return 0;
}

static void ask(struct request *request, int64_t min_ttl_s)
{
    *request = (struct request){.conn = &conn};
    tokens_get(tokens, request, TOKEN_ACCESS, NULL, min_ttl_s);
}

static void refresh_gives(const char *token)
{
    AUTO_JSON json_t *result = json_pack("{s:s, s:I}", "access_token", token, "access_token_exp_at",
                                         (json_int_t)clock_real_s() + 120);
    call_done done = TAKE_PTR(refreshed);

    assert_non_null(done);
    done(refreshed_user, result, NULL);
}

static void one_refresh_for_all(void **state)
{
    struct request requests[3];

    (void)state;
    clock_fake(115 * 1000, NOW + 115);
    for (int i = 0; i < 3; i++)
        ask(&requests[i], 10);
    assert_int_equal(refreshes, 1);
    assert_int_equal(answers, 0);
    refresh_gives("second");
    assert_int_equal(answers, 3);
    assert_non_null(strstr(last_answer, "second"));
    ask(&requests[0], 10);
    assert_int_equal(answers, 4);
    assert_int_equal(refreshes, 1);
}

/* Forwards, a token that lives is not thrown away; backwards, a dead one is not given. */
static void a_clock_that_is_set(void **state)
{
    struct request request;

    (void)state;
    clock_fake(10 * 1000, NOW + 10 + 24 * 3600);
    ask(&request, 10);
    assert_int_equal(answers, 1);
    clock_fake(130 * 1000, NOW - 24 * 3600);
    ask(&request, 10);
    assert_int_equal(answers, 1);
    assert_int_equal(refreshes, 1);
    refresh_gives("second");
    assert_int_equal(answers, 2);
}

/* A card has renewed the session meanwhile, perhaps: the provider's login has its own age. */
static void four_hours_after_the_login_at_the_provider(void **state)
{
    struct request request;

    (void)state;
    clock_fake(4 * HOURS - 61 * 1000, NOW);
    ask(&request, 10);
    assert_int_equal(refreshes, 1);
    refresh_gives("second");
    clock_fake(4 * HOURS - 59 * 1000, NOW);
    ask(&request, 10); /* what lives is still given */
    assert_int_equal(answers, 2);
    ask(&request, 300);
    assert_int_equal(failures, 1);
    assert_int_equal(last_failure, CPS_TOKEN_UNAVAILABLE);
    assert_int_equal(refreshes, 1);
}

static void while_its_owner_is_away(void **state)
{
    struct request waiting, request;
    struct fail fail;

    (void)state;
    ask(&waiting, 300);
    session_state_is = CPS_SESSION_LOCKED;
    fail_set(&fail, CPS_SESSION_LOCKED, "-");
    tokens_hold(tokens, &fail);
    assert_int_equal(failures, 1);
    ask(&request, 10);
    assert_int_equal(failures, 2);
    assert_int_equal(last_failure, CPS_SESSION_LOCKED);
    refresh_gives("second"); /* it was rotated: what it brought is kept */
    assert_int_equal(answers, 0);
    session_state_is = CPS_OK;
    ask(&request, 10);
    assert_non_null(strstr(last_answer, "second"));
    assert_non_null(strstr(last_answer, "\"epoch\":7"));
    assert_int_equal(logouts, 0);
}

static void a_new_login_takes_the_place_of_the_former(void **state)
{
    struct request request;
    AUTO_JSON json_t *login = NULL;

    (void)state;
    ask(&request, 300); /* it waits for a refresh of the former */
    clock_fake(60 * 1000, NOW + 60);
    login = login_of("h2", "other", NOW + 55);
    tokens_replace(tokens, login);
    assert_null(refreshed);
    assert_int_equal(answers, 1);
    assert_non_null(strstr(last_answer, "other"));
    assert_string_equal(last_logout, "h1");
    assert_string_equal(tokens_handle(tokens), "h2");
    clock_fake(4 * HOURS, NOW); /* four hours of its own */
    ask(&request, 10);
    assert_int_equal(refreshes, 2);
}

#define TOKENS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOKENS(one_refresh_for_all),
        TOKENS(a_clock_that_is_set),
        TOKENS(four_hours_after_the_login_at_the_provider),
        TOKENS(while_its_owner_is_away),
        TOKENS(a_new_login_takes_the_place_of_the_former),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
