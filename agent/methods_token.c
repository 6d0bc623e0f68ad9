/* SPDX-License-Identifier: Apache-2.0 */
/* token.introspect, by oidcd; and token.exchange. */
#include <stdlib.h>
#include <string.h>

#include "agent/access.h"
#include "agent/exchange.h"
#include "agent/login.h"
#include "agent/methods.h"
#include "agent/oidc.h"
#include "agent/session.h"
#include "agent/tokens.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

/* Sooner than the caller's deadline, so that oidcd is the one to answer. */
#define MARGIN_MS 300

struct introspection {
    struct agent *agent;
    struct request *request;
    struct call *call;
    int64_t epoch;
};

static struct tokens *tokens_of(const struct agent *agent)
{
    return session_tokens(agent->session);
}

static void on_cancel(struct request *request, void *user)
{
    struct introspection *self = user;

    (void)request;
    oidc_cancel(self->agent->oidc, self->call);
    free(self);
}

/* What is known without asking anybody. */
static json_t *facts(const struct agent *agent, const char *source, bool active)
{
    const struct tokens *tokens = tokens_of(agent);
    const struct login_proof *proof = session_proof(agent->session);

    return json_pack(
        "{s:s, s:b, s:s, s:I, s:I, s:I}", "source", source, "active", active, "provider",
        tokens_provider(tokens), "expires_at", (json_int_t)tokens_expires_at_s(tokens), "auth_time",
        (json_int_t)proof->auth_time_s, "epoch", (json_int_t)session_epoch(agent->session));
}

/* The token that was asked about is the session's: an answer about somebody else is none. */
static cps_error check_person(const struct agent *agent, const json_t *result, struct fail *fail)
{
    const struct login_proof *proof = session_proof(agent->session);
    const char *ours = json_get_string(proof->psc, "subject_name_id");
    const char *theirs = json_get_string(result, "subject_name_id");

    if (ours == NULL || theirs == NULL || strcmp(ours, theirs) == 0)
        return CPS_OK;
    return fail_reason(fail, CPS_PROVIDER_ANSWER, "subject", "an answer about another person");
}

static json_t *answer_of(const struct agent *agent, const json_t *result)
{
    static const char *const told[][2] = {
        {"exp_at", "expires_at"},
        {"subject_name_id", "subject_name_id"},
        {"sub", "sub"},
        {"acr", "acr"},
        {"auth_mode", "auth_mode"},
        {"scope", "scope"},
        {"client_id", "client_id"},
        {"iat_at", "issued_at"},
    };
    bool active = json_get_bool(result, "active", false);
    json_t *answer = facts(agent, "provider", active);

    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        json_t *value = json_object_get(result, told[i][0]);

        if (value != NULL)
            json_object_set(answer, told[i][1], value);
    }
    return answer;
}

static void on_done(void *user, json_t *result, const struct fail *fail)
{
    struct introspection *self = user;
    struct agent *agent = self->agent;
    struct request *request = self->request;
    struct fail wrong = FAIL_INIT;

    if (fail == NULL &&
        (session_proof(agent->session) == NULL || session_epoch(agent->session) != self->epoch))
        fail_set(&wrong, CPS_SESSION_CHANGED, "the session ended meanwhile");
    else if (fail == NULL)
        (void)check_person(agent, result, &wrong);
    else if (fail != NULL)
        wrong = *fail;
    free(self);
    oidc_look(agent->oidc);
    if (wrong.code != CPS_OK)
        request_fail(request, &wrong);
    else
        request_reply(request, answer_of(agent, result));
}

static void ask_provider(struct agent *agent, struct request *request)
{
    struct introspection *self = calloc(1, sizeof *self);
    int left_ms = clock_left_ms(request->deadline_ms);
    struct fail fail;

    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *self = (struct introspection){
        .agent = agent, .request = request, .epoch = session_epoch(agent->session)};
    self->call = oidc_call(
        agent->oidc, "introspect", json_pack("{s:s}", "handle", tokens_handle(tokens_of(agent))),
        left_ms > 2 * MARGIN_MS ? left_ms - MARGIN_MS : left_ms, on_done, NULL, self, &fail);
    if (self->call != NULL) {
        request_wait(request, on_cancel, self);
        return;
    }
    free(self);
    request_fail(request, &fail);
}

static void introspect(struct agent *agent, struct request *request)
{
    int64_t expires_at_s = tokens_expires_at_s(tokens_of(agent));
    struct fail fail = FAIL_INIT;

    if (session_check(agent->session, &fail) == CPS_OK &&
        (tokens_handle(tokens_of(agent)) == NULL || expires_at_s == 0))
        fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "the session was not opened at a provider");
    if (fail.code != CPS_OK)
        request_fail(request, &fail);
    else if (json_get_bool(request->params, "online", true))
        ask_provider(agent, request);
    else
        request_reply(request, facts(agent, "memory", expires_at_s > clock_real_s()));
}

/* What the provider says of the token is no less than the token. */
static void ask_introspect(struct agent *agent, struct request *request)
{
    const char *provider = tokens_provider(tokens_of(agent));

    if (provider == NULL)
        introspect(agent, request);
    else
        access_request(agent, request, POLICY_ACCESS_TOKEN, provider, introspect);
}

void method_token_introspect(struct agent *agent, struct request *request)
{
    if (!login_follow(agent, request, ask_introspect))
        ask_introspect(agent, request);
}

static const char *api_of(const struct request *request)
{
    return json_get_string(request->params, "api");
}

static void exchange(struct agent *agent, struct request *request)
{
    tokens_exchange(tokens_of(agent), request, api_of(request),
                    api_int(&api_methods[API_TOKEN_EXCHANGE], request->params, "min_ttl_s"));
}

/* Nobody is asked about an API that there is not, or that is not for this program. */
static void ask_exchange(struct agent *agent, struct request *request)
{
    const char *api = api_of(request);
    struct fail fail;

    if (tokens_provider(tokens_of(agent)) == NULL)
        exchange(agent, request);
    else if (exchange_check(agent, request->conn->program, api, &fail) != CPS_OK)
        request_fail(request, &fail);
    else
        access_request(agent, request, POLICY_EXCHANGE, api, exchange);
}

void method_token_exchange(struct agent *agent, struct request *request)
{
    if (!login_follow(agent, request, ask_exchange))
        ask_exchange(agent, request);
}
