/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/exchange.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "agent/evidence_events.h"
#include "agent/oidc.h"
#include "agent/session.h"
#include "agent/waiters.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"

/* Programs that are told apart in the evidence log. */
#define GIVEN_MAX 64

/* One API: its token, if there is one, and who waits for it. */
struct api {
    struct exchange *exchange;
    char *name;
    char *answer; /* result of token.exchange, JSON text, or NULL */
    size_t len;
    int64_t exp_ms; /* boot time: the machine's clock may be set meanwhile */
    int64_t epoch, ends_at_s;
    json_t *given; /* {program or pid: true}: those whose first token is in the evidence log */
    struct call *call;
    struct waiters waiters;
};

struct exchange {
    struct agent *agent;
    struct api apis[EXCHANGE_APIS_MAX];
    unsigned n;
};

static void wipe(struct api *api)
{
    if (api->answer != NULL)
        explicit_bzero(api->answer, api->len);
    free(TAKE_PTR(api->answer));
    api->exp_ms = 0;
}

/* Says in the evidence log that a program has such tokens: once in a session, not for each. */
static void record(const struct api *api, const struct conn *conn)
{
    AUTO_FREE char *key = NULL;

    if (conn->program != NULL)
        key = strdup(conn->program);
    else if (asprintf(&key, "%d", (int)conn->pid) < 0)
        key = NULL;
    if (key != NULL && json_object_get(api->given, key) != NULL)
        return;
    evidence_exchange(api->exchange->agent, conn, api->name, NULL);
    if (key != NULL && json_object_size(api->given) < GIVEN_MAX)
        json_object_set_new(api->given, key, json_true());
}

static void give(const struct api *api, struct request *request)
{
    session_touch(api->exchange->agent->session);
    record(api, request->conn);
    request_reply_text(request, api->answer, api->len);
}

/* Answers all those who wait: with the token, or with the failure. */
static void serve_waiters(struct api *api, const struct fail *fail)
{
    struct request *request;

    while ((request = waiters_take(&api->waiters, NULL)) != NULL) {
        if (fail != NULL)
            request_fail(request, fail);
        else
            give(api, request);
    }
}

/* Renders the answer once. False: it is not what base/proto.h says, or over already. */
static bool keep(struct api *api, const json_t *result)
{
    const char *token = json_get_string(result, "access_token");
    const char *type = json_get_string(result, "issued_token_type");
    int64_t exp_at_s = json_get_int(result, "access_token_exp_at", 0);
    AUTO_JSON json_t *answer = NULL;

    if (exp_at_s > api->ends_at_s)
        exp_at_s = api->ends_at_s;
    if (token == NULL || type == NULL || exp_at_s <= clock_real_s())
        return false;
    answer = json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s*, s:I}", "api", api->name, "token",
                       token, "token_type", "Bearer", "issued_token_type", type, "expires_at",
                       (json_int_t)exp_at_s, "bound", json_get_bool(result, "bound", false),
                       "scope", json_get_string(result, "scope"), "epoch", (json_int_t)api->epoch);
    wipe(api);
    api->answer = json_dumps(answer, JSON_COMPACT);
    if (api->answer == NULL)
        return false;
    api->len = strlen(api->answer);
    api->exp_ms = clock_boot_ms() + (exp_at_s - clock_real_s()) * 1000;
    return true;
}

static void on_exchanged(void *user, json_t *result, const struct fail *fail)
{
    struct api *api = user;
    struct agent *agent = api->exchange->agent;
    struct fail wrong;

    api->call = NULL;
    oidc_look(agent->oidc);
    if (fail == NULL && !keep(api, result)) {
        fail_set(&wrong, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_OIDCD);
        fail = &wrong;
    }
    if (fail != NULL)
        evidence_exchange(agent, NULL, api->name, fail);
    serve_waiters(api, fail);
}

static void start(struct api *api, const struct exchange_source *source)
{
    struct oidc *oidc = api->exchange->agent->oidc;
    struct fail fail;

    api->epoch = source->epoch;
    api->ends_at_s = source->ends_at_s;
    api->call = oidc_call(oidc, "exchange",
                          json_pack("{s:s, s:s}", "handle", source->handle, "api", api->name),
                          OIDC_EXCHANGE_TIMEOUT_MS, on_exchanged, NULL, api, &fail);
    if (api->call == NULL)
        serve_waiters(api, &fail);
}

/* "any" is for programs that cannot be told, too. Wildcards do not cross a slash. */
static bool may_have(const json_t *known, const char *program)
{
    const json_t *pattern;
    size_t i;

    json_array_foreach (json_get_array(known, "programs"), i, pattern) {
        const char *text = json_string_value(pattern);

        if (text != NULL && (strcmp(text, "any") == 0 ||
                             (program != NULL && fnmatch(text, program, FNM_PATHNAME) == 0)))
            return true;
    }
    return false;
}

/* The place of that API, made if need be. NULL: there are as many as can be. */
static struct api *place_of(struct exchange *exchange, const char *name)
{
    struct api *api;

    for (unsigned i = 0; i < exchange->n; i++)
        if (strcmp(exchange->apis[i].name, name) == 0)
            return &exchange->apis[i];
    if (exchange->n == EXCHANGE_APIS_MAX)
        return NULL;
    api = &exchange->apis[exchange->n];
    *api = (struct api){.exchange = exchange, .name = strdup(name), .given = json_object()};
    if (api->name == NULL || api->given == NULL) {
        free(api->name);
        json_decref(api->given);
        return NULL;
    }
    exchange->n++;
    return api;
}

cps_error exchange_check(const struct agent *agent, const char *program, const char *name,
                         struct fail *fail)
{
    const json_t *known = oidc_api(agent->oidc, name);

    if (known == NULL)
        return fail_set(fail, CPS_API_UNKNOWN, "no such file in apis.d");
    if (!may_have(known, program))
        return fail_set(fail, CPS_NOT_ALLOWED, "apis.d does not name this program for %s", name);
    return CPS_OK;
}

void exchange_get(struct exchange *exchange, struct request *request,
                  const struct exchange_source *source, const char *name, int64_t min_ttl_s)
{
    struct api *api = place_of(exchange, name);
    struct fail fail;

    if (api == NULL) {
        fail_set(&fail, CPS_TOO_MANY_REQUESTS, "more than %d APIs", EXCHANGE_APIS_MAX);
        request_fail(request, &fail);
    } else if (api->answer != NULL && api->exp_ms - clock_boot_ms() >= min_ttl_s * 1000) {
        give(api, request);
    } else {
        waiters_add(&api->waiters, request, 0);
        if (api->call == NULL)
            start(api, source);
    }
}

void exchange_hold(struct exchange *exchange, const struct fail *why)
{
    for (unsigned i = 0; i < exchange->n; i++)
        serve_waiters(&exchange->apis[i], why);
}

void exchange_drop(struct exchange *exchange, const struct fail *why)
{
    for (unsigned i = 0; i < exchange->n; i++) {
        oidc_cancel(exchange->agent->oidc, TAKE_PTR(exchange->apis[i].call));
        wipe(&exchange->apis[i]);
        json_object_clear(exchange->apis[i].given);
    }
    exchange_hold(exchange, why);
}

struct exchange *exchange_new(struct agent *agent)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);

    if (exchange != NULL)
        exchange->agent = agent;
    return exchange;
}

void exchange_free(struct exchange *exchange)
{
    if (exchange == NULL)
        return;
    for (unsigned i = 0; i < exchange->n; i++) {
        free(exchange->apis[i].name);
        json_decref(exchange->apis[i].given);
    }
    free(exchange);
}
