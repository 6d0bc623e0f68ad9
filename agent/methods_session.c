/* SPDX-License-Identifier: Apache-2.0 */
/* session.login, unlock and step_up, which are logins with a purpose, and what needs no login. */
#include <string.h>

#include "agent/desktop.h"
#include "agent/evidence.h"
#include "agent/evidence_events.h"
#include "agent/login.h"
#include "agent/methods.h"
#include "agent/sessions.h"
#include "base/json.h"

/* The provider that the session was opened at, or NULL. */
static const char *provider_of(const struct login_proof *owner)
{
    return json_get_string(owner->psc != NULL ? owner->psc : owner->idp, "provider");
}

/* The means that the session was opened by, if the caller names none: the card that is there
 * first. */
static const char *method_of(const struct request *request, const struct login_proof *owner)
{
    const char *method = json_get_string(request->params, "method");

    if (method != NULL)
        return method;
    return owner->reader != NULL ? "card" : owner->method;
}

static void set_default(struct request *request, const char *key, const char *value)
{
    if (value != NULL && json_object_get(request->params, key) == NULL)
        json_object_set_new(request->params, key, json_string(value));
}

/* What the session knows of its owner need not be typed again. */
static void complete(struct request *request, const struct login_proof *owner)
{
    const char *method = method_of(request, owner);

    set_default(request, "method", method);
    if (strcmp(method, "card") == 0) {
        set_default(request, "reader", owner->reader);
        return;
    }
    if (strcmp(method, "browser") != 0)
        set_default(request, "national_id", json_get_string(owner->holder, "national_id"));
    if (strcmp(method, owner->method) == 0)
        set_default(request, "provider", provider_of(owner));
}

static void log_in(struct agent *agent, struct request *request, enum login_purpose purpose)
{
    const char *method = json_get_string(request->params, "method");
    struct fail fail;

    if (desktop_check(agent->desktop, &fail) != CPS_OK ||
        evidence_permits(agent->evidence, &fail) != CPS_OK) {
        evidence_login_ended(agent, login_events[purpose], method, 0, &fail);
        request_fail(request, &fail);
    } else if (strcmp(method, "card") == 0) {
        login_by_card(agent, request, purpose);
    } else {
        login_by_provider(agent, request, purpose);
    }
}

void method_session_login(struct agent *agent, struct request *request)
{
    log_in(agent, request, LOGIN_TO_OPEN);
}

void method_session_unlock(struct agent *agent, struct request *request)
{
    const struct login_proof *owner = session_owner_proof(agent->session);
    struct fail fail;

    if (owner == NULL) {
        fail_set(&fail, CPS_NO_SESSION, "nothing to unlock");
        request_fail(request, &fail);
    } else if (session_is_open(agent->session)) {
        request_reply(request, session_json(agent->session));
    } else {
        complete(request, owner);
        log_in(agent, request, LOGIN_TO_UNLOCK);
    }
}

void method_session_step_up(struct agent *agent, struct request *request)
{
    const struct login_proof *owner = session_owner_proof(agent->session);
    int64_t max_age_s = json_get_int(request->params, "max_age", 0);
    struct fail fail;

    if (session_check(agent->session, &fail) != CPS_OK) {
        request_fail(request, &fail);
    } else if (login_proof_is_strong(owner) && session_age_s(agent->session) < max_age_s) {
        session_touch(agent->session);
        request_reply(request, session_json(agent->session));
    } else {
        complete(request, owner);
        log_in(agent, request, LOGIN_TO_STEP_UP);
    }
}

static void reply_state(const struct agent *agent, struct request *request)
{
    request_reply(request, json_pack("{s:o, s:i, s:I}", "session", session_json(agent->session),
                                     "parked", (int)sessions_parked(agent->sessions), "epoch",
                                     (json_int_t)session_epoch(agent->session)));
}

void method_session_current(struct agent *agent, struct request *request)
{
    reply_state(agent, request);
}

void method_session_lock(struct agent *agent, struct request *request)
{
    struct fail fail;

    if (session_owner_proof(agent->session) == NULL) {
        fail_set(&fail, CPS_NO_SESSION, "nothing to lock");
        request_fail(request, &fail);
        return;
    }
    session_input(agent->session, SESSION_LOCK);
    reply_state(agent, request);
}

void method_session_logout(struct agent *agent, struct request *request)
{
    struct fail fail;

    if (session_owner_proof(agent->session) == NULL) {
        fail_set(&fail, CPS_NO_SESSION, "nothing to close");
        request_fail(request, &fail);
        return;
    }
    session_input(agent->session, SESSION_LOGOUT);
    request_reply(request, json_pack("{s:I}", "epoch", (json_int_t)session_epoch(agent->session)));
}
