/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/esante.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "oidc/ciba_params.h"
#include "oidc/esante_answer.h"
#include "oidc/esante_http.h"

/* /connect waits for a person: longer than PSC does, so that the proxy is the one to give up. */
#define CONNECT_MS 150000

struct connect {
    struct request *request;
    struct provider *provider;
    struct http_call *call;
    char hint[CIBA_IDENTIFIER_MAX + 1];
    const char *channel; /* static text */
    int64_t started_at;
    bool fresh; /* the person must be asked: no cookie is sent that would spare them that */
    char known[PKCE_VALUE_SIZE]; /* handle of the session whose cookie was sent, or "" */
};

static void connect_free(void *flow)
{
    struct connect *connect = flow;

    http_cancel(&connect->call);
    explicit_bzero(connect, sizeof *connect);
    free(connect);
}

static void end(struct connect *connect, cps_error code, const char *reason, const char *why)
{
    struct fail fail = FAIL_INIT;

    fail_reason(&fail, code, reason, "%s", why);
    request_fail(connect->request, &fail);
}

static void too_late(void *flow)
{
    end(flow, CPS_LOGIN_EXPIRED, "expired_token", "nobody answered on the phone in time");
}

static void reply(struct connect *connect, const struct oidc_session *session, bool again)
{
    json_t *result = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:{}, s:[]}", "handle",
                               session->handle, "provider", connect->provider->name, "kind",
                               profile_kind_name(connect->provider->profile->kind), "issuer",
                               connect->provider->profile->issuer, "sub", session->sub,
                               "subject_name_id", session->sub, "channel", connect->channel,
                               "auth_at", (json_int_t)session->auth_at, "userinfo", "warnings");

    if (again)
        json_array_append_new(json_object_get(result, "warnings"),
                              json_string("already_connected"));
    request_reply(connect->request, result);
}

/* The session goes on under a new handle: closing the old one must not end it. */
static void go_on(struct connect *connect)
{
    struct store *store = &connect->request->oidcd->store;
    struct oidc_session *old = store_find(store, connect->known);
    struct tokens none = {0};
    struct oidc_session *session =
        old != NULL ? store_add(store, connect->provider, connect->hint, "", &none) : NULL;

    if (session == NULL) {
        end(connect, CPS_PROVIDER_ANSWER, "not_modified",
            "already connected, with a session that we do not have");
        return;
    }
    session->cookie = TAKE_PTR(old->cookie);
    session->auth_at = old->auth_at;
    store_remove(store, old, NULL);
    reply(connect, session, true);
}

static void open_session(struct connect *connect, struct secret *cookie)
{
    struct tokens none = {0};
    struct oidc_session *session =
        store_add(&connect->request->oidcd->store, connect->provider, connect->hint, "", &none);

    if (session == NULL) {
        secret_free(cookie);
        end(connect, CPS_TOO_MANY_REQUESTS, "sessions", "too many provider sessions are open");
        return;
    }
    session->cookie = cookie;
    session->auth_at = connect->started_at;
    reply(connect, session, false);
}

static void on_connected(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct connect *connect = user;
    char state[ESANTE_STATE_MAX + 1];
    struct secret *cookie = NULL;
    struct fail fail = FAIL_INIT;

    if (answer != NULL && answer->status == 304 && connect->known[0] != '\0') {
        go_on(connect);
        return;
    }
    if (answer == NULL)
        fail = *why;
    else
        esante_read_connect(answer, &cookie, state, &fail);
    if (cookie != NULL) {
        open_session(connect, cookie);
        return;
    }
    fail_add(&fail, "e-Santé proxy %s", connect->provider->name);
    request_fail(connect->request, &fail);
}

/* The cookie of a session of the same person there, if one is open: the proxy may say 304. */
static const struct secret *known_cookie(struct connect *connect)
{
    for (struct oidc_session *s = connect->request->oidcd->store.first; s != NULL; s = s->next)
        if (!connect->fresh && s->provider == connect->provider && s->cookie != NULL &&
            strcmp(s->sub, connect->hint) == 0) {
            memcpy(connect->known, s->handle, sizeof connect->known);
            return s->cookie;
        }
    return NULL;
}

static void ask(struct connect *connect, const char *binding)
{
    AUTO_JSON json_t *body =
        json_pack("{s:s, s:s, s:s, s:s}", "nationalId", connect->hint, "bindingMessage", binding,
                  "clientId", connect->provider->profile->client_id, "channel", connect->channel);
    AUTO_FREE char *text = json_dumps(body, JSON_COMPACT);
    struct esante_request request = {.provider = connect->provider,
                                     .method = "POST",
                                     .path = "/connect",
                                     .cookie = known_cookie(connect),
                                     .body = text,
                                     .body_len = text != NULL ? strlen(text) : 0,
                                     .content_type = "application/json",
                                     .accept = "application/json",
                                     .deadline_ms = connect->request->deadline_ms,
                                     .total_ms = CONNECT_MS};
    struct fail fail = FAIL_INIT;

    connect->started_at = clock_real_s();
    if (esante_http(&request, &connect->call, on_connected, connect, &fail) != CPS_OK)
        request_fail(connect->request, &fail);
}

void esante_connect(struct request *request, struct provider *provider, const json_t *params)
{
    struct connect *connect = calloc(1, sizeof *connect);
    const char *hint = json_get_string(params, "login_hint");
    const char *binding = json_get_string(params, "binding_message");
    const char *channel = json_get_string(params, "channel");
    struct fail fail = FAIL_INIT;

    if (connect == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    connect->request = request;
    connect->provider = provider;
    connect->fresh = json_get_bool(params, "fresh", false);
    request_set_flow(request, connect, connect_free, too_late);
    channel = channel != NULL ? channel : provider->profile->channel;
    connect->channel = strcmp(channel, "CARD") == 0 ? "CARD" : "MOBILE";
    if (provider->profile->kind != PROFILE_ESANTE_PROXY) {
        end(connect, CPS_CONFIGURATION, "method", "the profile is not of kind esante-proxy");
    } else if (hint == NULL || !ciba_normalise(hint, connect->hint)) {
        end(connect, CPS_INVALID_PARAMS, "login_hint", "missing or of the wrong form");
    } else if (binding == NULL || !ciba_binding_valid(binding)) {
        end(connect, CPS_INVALID_PARAMS, "binding_message", "missing or of the wrong form");
    } else if (!ciba_channel_valid(channel)) {
        end(connect, CPS_INVALID_PARAMS, "channel", "missing or of the wrong form");
    } else if (request_rings(request->oidcd, provider, connect->hint)) {
        end(connect, CPS_TOO_MANY_REQUESTS, "ciba", "this phone is being rung already");
    } else {
        request->provider = provider;
        request->user_id = connect->hint;
        ask(connect, binding);
    }
}
