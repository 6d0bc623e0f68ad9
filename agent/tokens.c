/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/tokens.h"

#include <stdlib.h>
#include <string.h>

#include "agent/evidence_events.h"
#include "agent/exchange.h"
#include "agent/oidc.h"
#include "agent/session.h"
#include "agent/waiters.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"

struct token {
    char *answer; /* result of token.get, JSON text */
    size_t len;
    int64_t exp_ms; /* boot time: the machine's clock may be set meanwhile */
};

struct tokens {
    struct agent *agent;
    struct session *session; /* whose they are */
    char *provider;
    char *handle;
    int64_t epoch;
    unsigned generation;
    int64_t refresh_until_ms; /* boot time: four hours after the login at the provider */
    struct token kinds[TOKEN_KINDS];
    struct call *refresh;
    struct waiters waiters;
    struct exchange *exchange;
};

static const char *const type_names[TOKEN_KINDS] = {"Bearer", "ID"};
static const char *const members[TOKEN_KINDS] = {"access_token", "id_token"};
static const char *const expiries[TOKEN_KINDS] = {"access_token_exp_at", "id_token_exp_at"};

static void token_wipe(struct token *token)
{
    if (token->answer != NULL)
        explicit_bzero(token->answer, token->len);
    free(token->answer);
    *token = (struct token){0};
}

/* Renders the answer of one kind, when the packet holds such a token. */
static void keep(struct tokens *tokens, enum token_kind kind, const json_t *packet)
{
    json_t *text = json_object_get(packet, members[kind]);
    int64_t exp_at_s = json_get_int(packet, expiries[kind], 0);
    AUTO_JSON json_t *answer = NULL;
    struct token *token = &tokens->kinds[kind];
    int64_t left_s;

    if (!json_is_string(text) || exp_at_s < 0)
        return;
    left_s = exp_at_s - clock_real_s();
    if (left_s > SESSION_MAX_S) /* no session sees its end, wherever that is */
        left_s = SESSION_MAX_S;
    answer = json_pack("{s:O, s:s, s:I, s:I}", "token", text, "token_type", type_names[kind],
                       "expires_at", (json_int_t)exp_at_s, "epoch", (json_int_t)tokens->epoch);
    token_wipe(token);
    token->answer = json_dumps(answer, JSON_COMPACT);
    token->len = token->answer != NULL ? strlen(token->answer) : 0;
    token->exp_ms = clock_boot_ms() + left_s * 1000;
}

static int64_t left_ms(const struct token *token)
{
    return token->exp_ms - clock_boot_ms();
}

void tokens_take(struct tokens *tokens, const json_t *login, int64_t epoch)
{
    const char *handle = json_get_string(login, "handle");
    const char *provider = json_get_string(login, "provider");
    int64_t age_s = clock_real_s() - json_get_int(login, "auth_at", clock_real_s());

    tokens->epoch = epoch;
    tokens->generation++;
    if (handle == NULL || provider == NULL)
        return;
    tokens->refresh_until_ms = clock_boot_ms() + (SESSION_MAX_S - (age_s > 0 ? age_s : 0)) * 1000;
    tokens->handle = strdup(handle);
    tokens->provider = strdup(provider);
    for (int kind = 0; kind < TOKEN_KINDS; kind++)
        keep(tokens, (enum token_kind)kind, login);
}

static void give(const struct tokens *tokens, struct request *request, enum token_kind kind)
{
    const struct token *token = &tokens->kinds[kind];

    session_touch(tokens->session);
    evidence_token(request->conn->agent, request->conn, kind);
    request_reply_text(request, token->answer, token->len);
}

/* Answers all those who wait: with the token when it is alive, with the failure otherwise. */
static void serve_waiters(struct tokens *tokens, const struct fail *fail)
{
    struct request *request;
    struct fail expired;
    int kind;

    fail_set(&expired, CPS_TOKEN_UNAVAILABLE, "the provider gave no newer one");
    while ((request = waiters_take(&tokens->waiters, &kind)) != NULL) {
        if (fail != NULL)
            request_fail(request, fail);
        else if (left_ms(&tokens->kinds[kind]) <= 0)
            request_fail(request, &expired);
        else
            give(tokens, request, (enum token_kind)kind);
    }
}

/* Those who wait go on waiting. */
static void forget(struct tokens *tokens)
{
    call_forget(TAKE_PTR(tokens->refresh));
    free(TAKE_PTR(tokens->handle));
    free(TAKE_PTR(tokens->provider));
    for (int kind = 0; kind < TOKEN_KINDS; kind++)
        token_wipe(&tokens->kinds[kind]);
}

void tokens_hold(struct tokens *tokens, const struct fail *why)
{
    exchange_hold(tokens->exchange, why);
    serve_waiters(tokens, why);
}

void tokens_replace(struct tokens *tokens, const json_t *login)
{
    AUTO_FREE char *former = TAKE_PTR(tokens->handle);
    struct fail fail;

    forget(tokens);
    tokens_take(tokens, login, tokens->epoch);
    if (former != NULL)
        oidc_logout(tokens->agent->oidc, former);
    fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "the session was renewed meanwhile: ask again");
    exchange_drop(tokens->exchange, &fail);
    fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "the new login came without one");
    serve_waiters(tokens, tokens->kinds[TOKEN_ACCESS].answer != NULL ? NULL : &fail);
}

void tokens_drop(struct tokens *tokens)
{
    struct fail fail;

    if (tokens->handle != NULL)
        oidc_logout(tokens->agent->oidc, tokens->handle);
    forget(tokens);
    fail_set(&fail, CPS_SESSION_CHANGED, "the session ended meanwhile");
    exchange_drop(tokens->exchange, &fail);
    serve_waiters(tokens, &fail);
}

unsigned tokens_generation(const struct tokens *tokens)
{
    return tokens->generation;
}

const char *tokens_provider(const struct tokens *tokens)
{
    return tokens->handle != NULL ? tokens->provider : NULL;
}

bool tokens_are_at_proxy(const struct tokens *tokens)
{
    return tokens->handle != NULL && tokens->kinds[TOKEN_ACCESS].answer == NULL;
}

const char *tokens_handle(const struct tokens *tokens)
{
    return tokens->handle;
}

static void on_refreshed(void *user, json_t *result, const struct fail *fail)
{
    struct tokens *tokens = user;
    struct fail wrong;

    tokens->refresh = NULL;
    if (fail == NULL && json_get_string(result, members[TOKEN_ACCESS]) == NULL) {
        fail_set(&wrong, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_OIDCD);
        fail = &wrong;
    }
    /* A program that insists while oidcd rests makes no lines. */
    if (fail != NULL && strcmp(fail->reason, "resting") != 0)
        evidence_refresh_failed(tokens->agent, tokens->session, tokens->provider, fail);
    for (int kind = 0; fail == NULL && kind < TOKEN_KINDS; kind++)
        keep(tokens, (enum token_kind)kind, result);
    if (fail != NULL)
        oidc_look(tokens->agent->oidc); /* why; that it answers again is an event of oidcd's */
    serve_waiters(tokens, fail);
}

static void wait_for_refresh(struct tokens *tokens, struct request *request, enum token_kind kind)
{
    struct fail fail;

    waiters_add(&tokens->waiters, request, (int)kind);
    if (tokens->refresh != NULL)
        return;
    tokens->refresh =
        oidc_call(tokens->agent->oidc, "refresh", json_pack("{s:s}", "handle", tokens->handle),
                  OIDC_REFRESH_TIMEOUT_MS, on_refreshed, NULL, tokens, &fail);
    if (tokens->refresh == NULL)
        serve_waiters(tokens, &fail);
}

void tokens_get(struct tokens *tokens, struct request *request, enum token_kind kind,
                const char *provider, int64_t min_ttl_s)
{
    const struct token *token = &tokens->kinds[kind];
    struct fail fail;

    if (session_check(tokens->session, &fail) != CPS_OK) {
        request_fail(request, &fail);
        return;
    }
    if (tokens->handle == NULL || token->answer == NULL)
        fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "the session was not opened at a provider");
    else if (provider != NULL && strcmp(provider, tokens->provider) != 0)
        fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "the session is at provider %s", tokens->provider);
    else if (left_ms(token) >= min_ttl_s * 1000) {
        give(tokens, request, kind);
        return;
    } else if (clock_boot_ms() >= tokens->refresh_until_ms)
        fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "four hours after the login at the provider");
    else {
        wait_for_refresh(tokens, request, kind);
        return;
    }
    request_fail(request, &fail);
}

void tokens_exchange(struct tokens *tokens, struct request *request, const char *api,
                     int64_t min_ttl_s)
{
    struct exchange_source source = {.handle = tokens->handle, .epoch = tokens->epoch};
    struct fail fail = FAIL_INIT;

    if (session_check(tokens->session, &fail) == CPS_OK &&
        (tokens->handle == NULL || tokens->kinds[TOKEN_ACCESS].answer == NULL))
        fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "the session was not opened at a provider");
    if (fail.code != CPS_OK) {
        request_fail(request, &fail);
        return;
    }
    source.ends_at_s = session_expires_at_s(tokens->session);
    exchange_get(tokens->exchange, request, &source, api, min_ttl_s);
}

int64_t tokens_expires_at_s(const struct tokens *tokens)
{
    const struct token *token = &tokens->kinds[TOKEN_ACCESS];

    return token->answer != NULL ? clock_real_s() + left_ms(token) / 1000 : 0;
}

struct tokens *tokens_new(struct agent *agent, struct session *session)
{
    struct tokens *tokens = calloc(1, sizeof *tokens);

    if (tokens == NULL)
        return NULL;
    tokens->agent = agent;
    tokens->session = session;
    tokens->exchange = exchange_new(agent);
    if (tokens->exchange == NULL) {
        free(tokens);
        return NULL;
    }
    return tokens;
}

void tokens_free(struct tokens *tokens)
{
    if (tokens == NULL)
        return;
    tokens_drop(tokens);
    exchange_free(tokens->exchange);
    free(tokens);
}
