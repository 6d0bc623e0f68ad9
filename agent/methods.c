/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/methods.h"

#include <inttypes.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/access.h"
#include "agent/card.h"
#include "agent/cards.h"
#include "agent/consent.h"
#include "agent/countersign.h"
#include "agent/desktop.h"
#include "agent/evidence.h"
#include "agent/evidence_events.h"
#include "agent/identity.h"
#include "agent/keys.h"
#include "agent/login.h"
#include "agent/methods_pin.h"
#include "agent/methods_pkcs11.h"
#include "agent/methods_policy.h"
#include "agent/methods_trust.h"
#include "agent/oidc.h"
#include "agent/pin_policy.h"
#include "agent/policy.h"
#include "agent/server.h"
#include "agent/sessions.h"
#include "agent/state_store.h"
#include "agent/statement.h"
#include "agent/tokens.h"
#include "agent/trust_watch.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#define PROTOCOL_VERSION 1

static const char *param(const struct request *request, enum api_method_id id, const char *name)
{
    return api_string(&api_methods[id], request->params, name);
}

static json_t *epoch_of(const struct agent *agent)
{
    return json_integer(session_epoch(agent->session));
}

static void on_hello(struct agent *agent, struct request *request)
{
    json_t *display = json_get_object(request->params, "display");
    const char *origin = param(request, API_HELLO, "origin");
    AUTO_FREE char *text = NULL;
    struct fail fail = FAIL_INIT;
    int len;

    if (json_get_int(request->params, "protocol", 0) != PROTOCOL_VERSION)
        fail_set(&fail, CPS_PROTOCOL_VERSION, "this agent speaks version %d", PROTOCOL_VERSION);
    if (fail.code != CPS_OK || access_set_origin(request->conn, origin, &fail) != CPS_OK) {
        request_fail(request, &fail);
        return;
    }
    json_decref(request->conn->display);
    request->conn->display = json_incref(display);
    len = asprintf(&text,
                   "{\"protocol\":%d,\"agent\":{\"name\":\"cps-agent\",\"version\":\"" CPS_VERSION
                   "\"},\"features\":%s,\"epoch\":%" PRId64 "}",
                   PROTOCOL_VERSION, api_features, session_epoch(agent->session));
    if (len < 0)
        abort(); /* no answer could be given; the supervisor starts the agent again */
    request_reply_text(request, text, (size_t)len);
}

static void on_status(struct agent *agent, struct request *request)
{
    json_t *status = json_pack(
        "{s:s, s:o, s:o, s:o, s:o}", "version", CPS_VERSION, "pcsc", cards_pcsc_json(agent->cards),
        "readers", cards_readers_json(agent->cards), "session", session_json(agent->session),
        "providers", oidc_providers_json(agent->oidc));

    json_object_set_new(status, "apis", oidc_apis_json(agent->oidc));
    json_object_set_new(status, "trust", trust_json(agent));
    json_object_set_new(status, "components",
                        json_pack("{s:s, s:s}", "cardwatch", cards_watch_state(agent->cards),
                                  "oidcd", oidc_state(agent->oidc)));
    json_object_set_new(status, "evidence", evidence_json(agent->evidence));
    json_object_set_new(status, "storage", state_store_json(agent->store));
    json_object_set_new(status, "policy",
                        json_pack("{s:o, s:o, s:s, s:s}", "pin", pins_json(agent->pins), "programs",
                                  policy_json(agent->policy), "contactless",
                                  config_string(agent->config, "session", "contactless", "refuse"),
                                  "unknown",
                                  policy_unknown_names[consents_unknown(agent->consents)]));
    json_object_set_new(status, "parked", json_integer(sessions_parked(agent->sessions)));
    json_object_set_new(status, "desktop", desktop_json(agent->desktop));
    json_object_set_new(status, "epoch", epoch_of(agent));
    request_reply(request, status);
}

static void on_subscribe(struct agent *agent, struct request *request)
{
    const json_t *wanted = json_get_array(request->params, "events");
    json_t *subscribed = json_array();
    unsigned events = 0;
    size_t i;
    const json_t *name;

    for (int kind = 0; kind < EVENT_KINDS; kind++) {
        bool chosen = wanted == NULL;

        json_array_foreach (wanted, i, name)
            chosen |= strcmp(json_string_value(name), event_names[kind]) == 0;
        if (!chosen)
            continue;
        events |= 1U << kind;
        json_array_append_new(subscribed, json_string(event_names[kind]));
    }
    request->conn->events = events;
    request_reply(request, json_pack("{s:o, s:o}", "events", subscribed, "epoch", epoch_of(agent)));
}

static void on_cancel(struct agent *agent, struct request *request)
{
    AUTO_FREE char *id = json_dumps(json_object_get(request->params, "id"), JSON_ENCODE_ANY);
    struct request *target = id != NULL ? request_find(request->conn, id) : NULL;
    struct fail fail;

    (void)agent;
    if (target == request)
        target = NULL;
    if (target != NULL) {
        fail_set(&fail, CPS_CANCELLED, "by its caller");
        request_abort(target, &fail);
    }
    request_reply(request, json_pack("{s:b}", "cancelled", target != NULL));
}

static void on_card_list(struct agent *agent, struct request *request)
{
    request_reply(request, json_pack("{s:o, s:o}", "cards", cards_list_json(agent->cards), "epoch",
                                     epoch_of(agent)));
}

static void give_statement(struct agent *agent, struct request *request)
{
    AUTO_FREE char *jws = NULL;
    int64_t expires_at_s = 0;
    const char *audience = param(request, API_STATEMENT_GET, "audience");
    struct statement_want want = {.audience = audience,
                                  .nonce = param(request, API_STATEMENT_GET, "nonce"),
                                  .lifetime_s =
                                      access_rule_for(request->conn, audience)->terms.lifetime_s};
    struct fail fail = FAIL_INIT;

    if (desktop_check(agent->desktop, &fail) == CPS_OK) /* it says who is at the desk */
        (void)statement_make(agent, &want, &jws, &expires_at_s, &fail);
    evidence_statement(agent, request->conn, audience, false, jws != NULL ? NULL : &fail);
    if (jws == NULL)
        request_fail(request, &fail);
    else
        request_reply(request, json_pack("{s:s, s:I, s:o}", "statement", jws, "expires_at",
                                         (json_int_t)expires_at_s, "epoch", epoch_of(agent)));
}

static void ask_statement(struct agent *agent, struct request *request)
{
    bool counter_sign = json_get_bool(request->params, "counter_sign", false);

    access_request(agent, request, POLICY_STATEMENT, param(request, API_STATEMENT_GET, "audience"),
                   counter_sign ? countersign_statement : give_statement);
}

/* Lines sent in one go mean what they say in that order: log in, then state it. */
static void on_statement_get(struct agent *agent, struct request *request)
{
    bool counter_sign = json_get_bool(request->params, "counter_sign", false);

    if (counter_sign && json_object_get(request->params, "deadline_ms") == NULL)
        request->deadline_ms = clock_boot_ms() + COUNTERSIGN_DEADLINE_MS;
    if (!login_follow(agent, request, ask_statement))
        ask_statement(agent, request);
}

static void give_token(struct agent *agent, struct request *request)
{
    const struct api_method *method = &api_methods[API_TOKEN_GET];
    const char *kind = api_string(method, request->params, "kind");

    tokens_get(session_tokens(agent->session), request,
               strcmp(kind, "id") == 0 ? TOKEN_ID : TOKEN_ACCESS,
               api_string(method, request->params, "provider"),
               api_int(method, request->params, "min_ttl_s"));
}

static void ask_token(struct agent *agent, struct request *request)
{
    const char *kind = param(request, API_TOKEN_GET, "kind");
    const char *provider = tokens_provider(session_tokens(agent->session));

    if (provider == NULL)
        give_token(agent, request);
    else
        access_request(agent, request,
                       strcmp(kind, "id") == 0 ? POLICY_ID_TOKEN : POLICY_ACCESS_TOKEN, provider,
                       give_token);
}

static void on_token_get(struct agent *agent, struct request *request)
{
    if (!login_follow(agent, request, ask_token))
        ask_token(agent, request);
}

static void on_keys_jwks(struct agent *agent, struct request *request)
{
    request_reply(request, keys_jwks(agent->keys));
}

const method_handler method_handlers[API_METHOD_COUNT] = {
    [API_HELLO] = on_hello,
    [API_STATUS] = on_status,
    [API_SUBSCRIBE] = on_subscribe,
    [API_CANCEL] = on_cancel,
    [API_CARD_LIST] = on_card_list,
    [API_CARD_CERTIFICATE] = method_card_certificate,
    [API_CARD_REPORT] = method_card_report,
    [API_CARD_CHANGE_PIN] = method_change_pin,
    [API_CARD_UNBLOCK_PIN] = method_unblock_pin,
    [API_SESSION_LOGIN] = method_session_login,
    [API_SESSION_CURRENT] = method_session_current,
    [API_SESSION_LOCK] = method_session_lock,
    [API_SESSION_UNLOCK] = method_session_unlock,
    [API_SESSION_STEP_UP] = method_session_step_up,
    [API_SESSION_LOGOUT] = method_session_logout,
    [API_SESSION_PRACTICE] = method_session_practice,
    [API_STATEMENT_GET] = on_statement_get,
    [API_TOKEN_GET] = on_token_get,
    [API_TOKEN_INTROSPECT] = method_token_introspect,
    [API_TOKEN_EXCHANGE] = method_token_exchange,
    [API_PROXY_SEND] = method_proxy_send,
    [API_PROVIDER_CHECK] = method_provider_check,
    [API_KEYS_JWKS] = on_keys_jwks,
    [API_KEYS_ROTATE] = method_keys_rotate,
    [API_PKCS11_TOKENS] = method_pkcs11_tokens,
    [API_PKCS11_LOGIN] = method_pkcs11_login,
    [API_PKCS11_SIGN] = method_pkcs11_sign,
    [API_PKCS11_DECRYPT] = method_pkcs11_decrypt,
    [API_PKCS11_OBJECT] = method_pkcs11_object,
    [API_TRUST_REFRESH] = method_trust_refresh,
    [API_POLICY_LIST] = method_policy_list,
    [API_POLICY_CHECK] = method_policy_check,
    [API_POLICY_REVOKE] = method_policy_revoke,
};
