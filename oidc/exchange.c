/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "oidc/answer.h"
#include "oidc/api.h"
#include "oidc/binding.h"
#include "oidc/client_auth.h"
#include "oidc/client_key.h"
#include "oidc/discovery.h"
#include "oidc/refresh.h"
#include "oidc/token_endpoint.h"

#define GRANT_TYPE "urn:ietf:params:oauth:grant-type:token-exchange"

/* The subject token must outlive what the server does with it: its own check at the provider. */
#define SUBJECT_LIFE_MIN_S 15

struct exchange {
    struct request *request;
    struct api *api;
    char handle[PKCE_VALUE_SIZE];
    struct waiter waiter;
    struct http_call *call;
    bool refreshed;
};

static void ask(struct exchange *exchange);

static void exchange_free(void *flow)
{
    struct exchange *exchange = flow;

    waiter_leave(&exchange->waiter);
    http_cancel(&exchange->call);
    free(exchange);
}

/* It may have been closed while something was waited for. */
static struct oidc_session *session_of(const struct exchange *exchange)
{
    return store_find(&exchange->request->oidcd->store, exchange->handle);
}

/* What went wrong is the API's server's, and is told as such; the rest stays as it is. */
static void fail_as_api(struct exchange *exchange, struct fail *fail)
{
    switch (fail->code) {
    case CPS_PROVIDER_UNAVAILABLE:
        fail->code = CPS_API_UNAVAILABLE;
        break;
    case CPS_PROVIDER_CLIENT:
        fail->code = CPS_API_REFUSED;
        break;
    case CPS_PROVIDER_ANSWER:
    case CPS_PROVIDER_DISCOVERY:
        fail->code = CPS_API_ANSWER;
        break;
    default:
        break;
    }
    fail_add(fail, "API %s", exchange->api->server.name);
    request_fail(exchange->request, fail);
}

static void refresh(struct exchange *exchange, struct oidc_session *session);

static bool may_refresh(const struct exchange *exchange, const struct oidc_session *session)
{
    return !exchange->refreshed && session != NULL && session->tokens.refresh_token != NULL;
}

static cps_error wrong(struct fail *fail, const char *reason, const char *why)
{
    return fail_reason(fail, CPS_PROVIDER_ANSWER, reason, "%s", why);
}

/* RFC 8693 section 2.2.1. The token itself is of the kind that can be sent as it is. */
static cps_error check_answer(const struct api *api, const json_t *json,
                              const struct tokens *tokens, enum binding *ret_binding,
                              struct fail *fail)
{
    const char *issued = json_get_string(json, "issued_token_type");
    const struct client_key *key = api->server.profile->client_key;

    if (issued == NULL || (api->requested_type != NULL && strcmp(issued, api->requested_type) != 0))
        return wrong(fail, "issued_token_type", "another kind of token than was asked for");
    if (api->requested_type == NULL && strcmp(issued, API_TYPE_ACCESS_TOKEN) != 0 &&
        strcmp(issued, API_TYPE_JWT) != 0)
        return wrong(fail, "issued_token_type", "neither an access token nor a JWT");
    *ret_binding =
        binding_of(tokens->access_token, key != NULL ? client_key_certificate(key) : NULL);
    if (*ret_binding == BINDING_OTHER)
        return wrong(fail, "cnf", "the token is bound to another certificate");
    if (*ret_binding == BINDING_NONE && api->bound)
        return wrong(fail, "cnf_missing", "the token is not bound to the certificate");
    if (tokens->access_token_exp_at <= clock_real_s())
        return wrong(fail, "expires_in", "the token is over already");
    return CPS_OK;
}

static cps_error read_answer(struct exchange *exchange, const struct http_answer *answer,
                             json_t **ret_result, struct fail *fail)
{
    AUTO_JSON json_t *json = NULL;
    AUTO_TOKENS struct tokens tokens = {0};
    enum binding binding = BINDING_NONE;
    const char *scope;

    if (answer_read(answer, &json, fail) != CPS_OK ||
        tokens_read(answer, &tokens, fail) != CPS_OK ||
        check_answer(exchange->api, json, &tokens, &binding, fail) != CPS_OK)
        return fail->code;
    scope = json_get_string(json, "scope");
    *ret_result = json_pack("{s:s, s:I, s:s, s:b, s:s*}", "access_token", tokens.access_token,
                            "access_token_exp_at", (json_int_t)tokens.access_token_exp_at,
                            "issued_token_type", json_get_string(json, "issued_token_type"),
                            "bound", binding == BINDING_OURS, "scope",
                            scope != NULL && strlen(scope) <= API_SCOPE_MAX ? scope : NULL);
    return CPS_OK;
}

/* RFC 8693 section 2.2.2 has invalid_request for a bad subject token; servers say other things. */
static bool blames_the_subject(const struct fail *fail)
{
    return strcmp(fail->reason, "invalid_request") == 0 ||
           strcmp(fail->reason, "invalid_grant") == 0 || strcmp(fail->reason, "invalid_token") == 0;
}

static void on_answer(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct exchange *exchange = user;
    struct oidc_session *session = session_of(exchange);
    struct fail fail = FAIL_INIT;
    json_t *result = NULL;

    if (answer == NULL)
        fail = *why;
    else if (read_answer(exchange, answer, &result, &fail) == CPS_OK) {
        rest_end(&exchange->api->rest);
        request_reply(exchange->request, result);
        return;
    }
    if (fail.code == CPS_PROVIDER_UNAVAILABLE)
        rest_begin(&exchange->api->rest, answer != NULL ? answer->retry_after_s : 0);
    if (answer != NULL && answer->status >= 400 && answer->status < 500 && answer->status != 429) {
        if (may_refresh(exchange, session) && blames_the_subject(&fail)) {
            refresh(exchange, session);
            return;
        }
        if (fail.code == CPS_PROVIDER_ANSWER)
            fail.code = CPS_API_REFUSED;
    }
    fail_as_api(exchange, &fail);
}

static void add_all(struct buffer *form, const char *name, char *const *values)
{
    for (; *values != NULL; values++)
        form_add(form, name, *values);
}

static void add_if(struct buffer *form, const char *name, const char *value)
{
    if (value != NULL)
        form_add(form, name, value);
}

static void post(struct exchange *exchange, const struct oidc_session *session)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(2 * FORM_MAX);
    struct api *api = exchange->api;
    struct client_post post = {.provider = &api->server,
                               .url = api->token_endpoint,
                               .form = &form,
                               .deadline_ms = exchange->request->deadline_ms};
    struct fail fail = FAIL_INIT;

    form_add(&form, "grant_type", GRANT_TYPE);
    form_add(&form, "subject_token", session->tokens.access_token);
    form_add(&form, "subject_token_type", api->subject_type);
    add_if(&form, "requested_token_type", api->requested_type);
    add_if(&form, "subject_issuer", api->subject_issuer);
    add_all(&form, "audience", api->audiences);
    add_all(&form, "resource", api->resources);
    add_if(&form, "scope", api->scope);
    if (client_auth_post(&post, &exchange->call, on_answer, exchange, &fail) != CPS_OK)
        fail_as_api(exchange, &fail);
}

static void on_refreshed(void *user, const struct fail *fail)
{
    struct exchange *exchange = user;
    struct fail copy;

    if (fail == NULL) {
        ask(exchange);
        return;
    }
    copy = *fail;
    request_fail(exchange->request, &copy);
}

static void refresh(struct exchange *exchange, struct oidc_session *session)
{
    struct fail fail = FAIL_INIT;

    exchange->refreshed = true;
    if (refresh_join(session, &exchange->waiter, on_refreshed, exchange, &fail) != CPS_OK)
        request_fail(exchange->request, &fail);
}

/* Once known, an endpoint stays usable whatever becomes of the document. */
static void on_discovery(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct exchange *exchange = user;
    struct api *api = exchange->api;
    AUTO_JSON json_t *document = NULL;
    struct fail fail = FAIL_INIT;
    char *endpoint = NULL;

    if (answer == NULL)
        fail = *why;
    else if (answer_read(answer, &document, &fail) == CPS_OK &&
             discovery_read_token(api->server.profile, document, &endpoint, &fail) == CPS_OK) {
        free(api->token_endpoint);
        api->token_endpoint = endpoint;
    }
    if (api->token_endpoint != NULL) {
        api->discovered_ms = clock_boot_ms();
        ask(exchange);
        return;
    }
    if (fail.code == CPS_PROVIDER_UNAVAILABLE)
        rest_begin(&api->rest, answer != NULL ? answer->retry_after_s : 0);
    fail_as_api(exchange, &fail);
}

static void discover(struct exchange *exchange)
{
    struct api *api = exchange->api;
    struct http_request request = {.provider = &api->server,
                                   .url = api->discovery,
                                   .accept = HTTP_ACCEPT_JSON,
                                   .deadline_ms = exchange->request->deadline_ms};
    struct fail fail = FAIL_INIT;

    if (http_start(api->server.http, &request, &exchange->call, on_discovery, exchange, &fail) !=
        CPS_OK)
        fail_as_api(exchange, &fail);
}

static bool endpoint_known(const struct api *api)
{
    int64_t age_ms = clock_boot_ms() - api->discovered_ms;

    return api->token_endpoint != NULL &&
           (api->discovery == NULL || age_ms < api->server.profile->metadata_age_s * 1000);
}

/* The next thing to do: find the server, have a subject token that lives, ask. */
static void ask(struct exchange *exchange)
{
    struct oidc_session *session = session_of(exchange);
    struct fail fail = FAIL_INIT;

    if (session == NULL) {
        fail_reason(&fail, CPS_LOGIN_EXPIRED, "closed", "the provider session is closed");
        request_fail(exchange->request, &fail);
    } else if (!endpoint_known(exchange->api)) {
        discover(exchange);
    } else if (may_refresh(exchange, session) &&
               session->tokens.access_token_exp_at - clock_real_s() < SUBJECT_LIFE_MIN_S) {
        refresh(exchange, session);
    } else {
        post(exchange, session);
    }
}

static cps_error check(const struct api *api, const struct oidc_session *session, struct fail *fail)
{
    if (session->tokens.access_token == NULL)
        return fail_set(fail, CPS_TOKEN_UNAVAILABLE, "the session has no access token");
    if (api->provider != NULL && strcmp(api->provider, session->provider->name) != 0)
        return fail_set(fail, CPS_TOKEN_UNAVAILABLE, "this API takes tokens of provider %s",
                        api->provider);
    if (rest_lasts(&api->rest))
        return fail_reason(fail, CPS_API_UNAVAILABLE, "resting",
                           "the server of this API was down a moment ago");
    return CPS_OK;
}

void exchange_start(struct request *request, struct oidc_session *session, const json_t *params)
{
    struct api *api = NULL;
    struct exchange *exchange = NULL;
    struct fail fail = FAIL_INIT;

    if (apis_find(&request->oidcd->apis, json_get_string(params, "api"), &api, &fail) == CPS_OK &&
        check(api, session, &fail) == CPS_OK) {
        exchange = calloc(1, sizeof *exchange);
        if (exchange == NULL)
            fail_set(&fail, CPS_INTERNAL, "out of memory");
    }
    if (exchange == NULL) {
        request_fail(request, &fail);
        return;
    }
    exchange->request = request;
    exchange->api = api;
    memcpy(exchange->handle, session->handle, sizeof exchange->handle);
    request_set_flow(request, exchange, exchange_free, NULL);
    ask(exchange);
}
