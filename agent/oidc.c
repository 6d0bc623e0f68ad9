/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oidc.h"

#include <stdlib.h>
#include <string.h>

#include "agent/backoff.h"
#include "agent/evidence_events.h"
#include "agent/login.h"
#include "agent/server.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"

#define PROVIDERS_TIMEOUT_MS 5000
#define CALLS_IN_FLIGHT      64

struct oidc {
    struct agent *agent;
    const char *args[3];
    struct child_class class;
    struct child *child;
    struct backoff backoff;
    json_t *providers; /* array */
    json_t *apis;      /* the same */
    struct call *asking;
    bool known; /* which providers and APIs there are, or that it cannot be told */
};

static void publish(const struct oidc *oidc, const char *state)
{
    server_publish(oidc->agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s}", "component", "oidcd", "state", state));
}

static void set_known(struct oidc *oidc)
{
    if (oidc->known)
        return;
    oidc->known = true;
    logins_known(oidc->agent);
}

static void restart(void *user)
{
    oidc_start(user);
}

static void on_exit_of_oidcd(void *user)
{
    struct oidc *oidc = user;

    oidc->asking = NULL;
    child_free(TAKE_PTR(oidc->child));
    publish(oidc, "restarting");
    backoff_failed(&oidc->backoff, oidc->agent->event, restart, oidc);
    set_known(oidc);
}

/* The API names the error where oidcd tells all of it. */
static void simplify(json_t *provider)
{
    const char *code = json_get_string(json_object_get(provider, "error"), "code");

    if (code != NULL)
        json_object_set_new(provider, "error", json_string(code));
}

static json_t *find_named(const json_t *list, const char *name)
{
    size_t i;
    json_t *one;

    json_array_foreach (list, i, one) {
        const char *other = json_get_string(one, "name");

        if (name != NULL && other != NULL && strcmp(name, other) == 0)
            return one;
    }
    return NULL;
}

/* provider: or an API; before: what was known of it, or NULL. */
static void publish_if_changed(const struct oidc *oidc, const json_t *provider,
                               const json_t *before)
{
    const char *name = json_get_string(provider, "name");
    const char *state = json_get_string(provider, "state");

    if (state == NULL || before == NULL ||
        json_equal(json_object_get(before, "state"), json_object_get(provider, "state")))
        return;
    server_publish(oidc->agent->server, EVENT_HEALTH,
                   json_pack("{s:s, s:s, s:O*, s:s*}", "component", name, "state", state,
                             "since_at", json_object_get(provider, "since_at"), "error",
                             json_get_string(provider, "error")));
}

static const char *event_provider(const json_t *packet)
{
    const char *name = json_get_string(packet, "name");

    return name != NULL ? name : json_get_string(packet, "provider");
}

static void record_logout(const struct oidc *oidc, const char *provider, const json_t *packet)
{
    bool ended = json_get_bool(packet, "ended", false);
    int64_t tries = json_get_int(packet, "tries", 1);

    evidence_provider_logout(oidc->agent, provider, ended, (int)tries);
    if (tries > 1)
        log_info("%s: a logout that was late %s", provider, ended ? "is done" : "is given up");
}

/* oidcd tells by itself when a provider or an API goes or comes back, and what became of logouts.
 */
static void on_event(void *user, const char *event, json_t *packet)
{
    struct oidc *oidc = user;
    bool api = strcmp(event, "api") == 0;
    json_t *known = find_named(api ? oidc->apis : oidc->providers, event_provider(packet));

    if (strcmp(event, "logout") == 0 && known != NULL)
        record_logout(oidc, json_get_string(known, "name"), packet);
    if ((strcmp(event, "provider") != 0 && !api) || known == NULL)
        return;
    json_object_del(packet, "event");
    simplify(packet);
    publish_if_changed(oidc, packet, known);
    if (json_object_get(packet, "error") == NULL)
        json_object_del(known, "error");
    json_object_update_existing(known, packet);
    json_object_update_missing(known, packet);
}

static void take_list(const struct oidc *oidc, json_t *list, json_t **known)
{
    json_t *one;
    size_t i;

    json_array_foreach (list, i, one) {
        simplify(one);
        publish_if_changed(oidc, one, find_named(*known, json_get_string(one, "name")));
    }
    json_decref(*known);
    *known = json_incref(list);
}

static void on_providers(void *user, json_t *result, const struct fail *fail)
{
    struct oidc *oidc = user;
    json_t *providers = json_get_array(result, "providers");
    json_t *apis = json_get_array(result, "apis");

    oidc->asking = NULL;
    if (fail == NULL && providers != NULL) {
        backoff_worked(&oidc->backoff);
        take_list(oidc, providers, &oidc->providers);
        if (apis != NULL)
            take_list(oidc, apis, &oidc->apis);
    }
    set_known(oidc);
}

void oidc_look(struct oidc *oidc)
{
    if (oidc->child != NULL && oidc->asking == NULL)
        oidc->asking = child_call(oidc->child, "providers", json_object(), -1, PROVIDERS_TIMEOUT_MS,
                                  on_providers, NULL, oidc);
}

void oidc_start(struct oidc *oidc)
{
    struct fail fail;

    if (oidc->child != NULL)
        return;
    oidc->child = child_start(oidc->agent, &oidc->class, oidc, &fail);
    if (oidc->child == NULL) {
        log_error("%s", fail.causes[0]);
        backoff_failed(&oidc->backoff, oidc->agent->event, restart, oidc);
        return;
    }
    publish(oidc, "running");
    oidc_look(oidc);
}

struct oidc *oidc_new(struct agent *agent)
{
    struct oidc *oidc = calloc(1, sizeof *oidc);

    if (oidc == NULL)
        return NULL;
    oidc->agent = agent;
    oidc->args[0] = "--config";
    oidc->args[1] = agent->options.config_dir;
    oidc->class = (struct child_class){.program = PROTO_OIDCD,
                                       .args = oidc->args,
                                       .in_flight = CALLS_IN_FLIGHT,
                                       .on_event = on_event,
                                       .on_exit = on_exit_of_oidcd};
    oidc->providers = json_array();
    oidc->apis = json_array();
    return oidc;
}

void oidc_free(struct oidc *oidc)
{
    if (oidc == NULL)
        return;
    backoff_done(&oidc->backoff);
    child_free(oidc->child);
    json_decref(oidc->providers);
    json_decref(oidc->apis);
    free(oidc);
}

/* The agent has just started itself: whoever needs it starts it. */
static void start_now(struct oidc *oidc)
{
    if (oidc->child == NULL && oidc->backoff.timer == NULL)
        oidc_start(oidc);
}

bool oidc_known(struct agent *agent)
{
    if (!agent->oidc->known)
        start_now(agent->oidc);
    return agent->oidc->known || agent->oidc->child == NULL;
}

static struct call *call(struct oidc *oidc, const char *op, json_t *params, int fd,
                         int64_t timeout_ms, call_done done, call_progress progress, void *user,
                         struct fail *fail)
{
    start_now(oidc);
    if (oidc->child != NULL)
        return child_call(oidc->child, op, params, fd, timeout_ms, done, progress, user);
    json_decref(params);
    fail_set(fail, CPS_COMPONENT_FAILED, "%s is being restarted", PROTO_OIDCD);
    return NULL;
}

struct call *oidc_call(struct oidc *oidc, const char *op, json_t *params, int64_t timeout_ms,
                       call_done done, call_progress progress, void *user, struct fail *fail)
{
    return call(oidc, op, params, -1, timeout_ms, done, progress, user, fail);
}

struct call *oidc_call_fd(struct oidc *oidc, const char *op, json_t *params, int fd,
                          int64_t timeout_ms, call_done done, void *user, struct fail *fail)
{
    return call(oidc, op, params, fd, timeout_ms, done, NULL, user, fail);
}

/* An event tells what became of it, unless oidcd is gone or has lost the session. */
static void on_logout(void *user, json_t *result, const struct fail *fail)
{
    const struct oidc *oidc = user;

    (void)result;
    if (fail != NULL)
        evidence_provider_logout(oidc->agent, NULL, false, 1);
}

void oidc_logout(struct oidc *oidc, const char *handle)
{
    if (oidc->child != NULL)
        child_call(oidc->child, "logout", json_pack("{s:s}", "handle", handle), -1,
                   OIDC_LOGOUT_TIMEOUT_MS, on_logout, NULL, oidc);
    else
        evidence_provider_logout(oidc->agent, NULL, false, 0);
}

/* The answer was on its way already: a session that nobody has asked for must not stay open. */
static void on_late(void *user, json_t *result, const struct fail *fail)
{
    const char *handle = json_get_string(result, "handle");

    (void)fail;
    if (handle != NULL)
        oidc_logout(user, handle);
}

void oidc_cancel(struct oidc *oidc, struct call *call)
{
    int64_t id = call != NULL ? call_id(call) : -1;

    if (call_hand_over(call, on_late, oidc) && oidc->child != NULL)
        child_call(oidc->child, "cancel", json_pack("{s:I}", "id", (json_int_t)id), -1,
                   PROVIDERS_TIMEOUT_MS, NULL, NULL, NULL);
}

const char *oidc_provider(const struct oidc *oidc, const char *asked)
{
    const json_t *first = json_array_get(oidc->providers, 0);

    if (asked != NULL)
        return asked;
    return config_string(oidc->agent->config, "psc", "provider", json_get_string(first, "name"));
}

static bool serves(const json_t *provider, const char *method)
{
    size_t i;
    const json_t *one;

    json_array_foreach (json_get_array(provider, "methods"), i, one)
        if (json_is_string(one) && strcmp(json_string_value(one), method) == 0)
            return true;
    return false;
}

const char *oidc_provider_of(const struct oidc *oidc, const char *asked, const char *method)
{
    size_t i;
    const json_t *provider;

    if (asked != NULL)
        return asked;
    json_array_foreach (oidc->providers, i, provider)
        if (serves(provider, method))
            return json_get_string(provider, "name");
    return NULL;
}

json_t *oidc_providers_json(const struct oidc *oidc)
{
    return json_incref(oidc->providers);
}

const json_t *oidc_api(const struct oidc *oidc, const char *name)
{
    return find_named(oidc->apis, name);
}

/* Which programs may use an API is said to none. */
json_t *oidc_apis_json(const struct oidc *oidc)
{
    json_t *list = json_array();
    json_t *api;
    size_t i;

    json_array_foreach (oidc->apis, i, api) {
        json_t *one = json_copy(api);

        json_object_del(one, "programs");
        json_array_append_new(list, one);
    }
    return list;
}

const char *oidc_state(const struct oidc *oidc)
{
    return oidc->child != NULL ? "running" : "restarting";
}
