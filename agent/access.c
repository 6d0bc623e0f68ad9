/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/conn.h"
#include "agent/consent.h"
#include "agent/evidence_events.h"
#include "agent/push_limit.h"
#include "agent/rate_limit.h"
#include "agent/session.h"
#include "agent/tokens.h"
#include "agent/web_origin.h"
#include "base/json.h"
#include "base/util.h"

#define STATEMENTS_PER_MINUTE 600
#define STATEMENTS_BURST      200

/* Who is limited: pages of one relay are told apart. */
#define WHO_MAX 4400

static uint64_t generation(const struct agent *agent)
{
    return policy_generation(agent->policy) + consents_generation(agent->consents);
}

static struct policy_peer peer_of(const struct conn *conn)
{
    return (struct policy_peer){
        .program = conn->program, .unit = conn->unit, .app = conn->app, .origin = conn->origin};
}

const struct policy_rule *access_rule(struct conn *conn)
{
    struct policy_peer peer = peer_of(conn);
    struct access *access = &conn->access;
    uint64_t now = generation(conn->agent);

    if (access->generation != now) {
        policy_find(conn->agent->policy, &peer, &access->rule);
        access->generation = now;
        access->granted = 0;
        access->refused = 0;
    }
    return &access->rule;
}

const struct policy_rule *access_rule_for(struct conn *conn, const char *audience)
{
    const struct policy_rule *rule = access_rule(conn);
    struct policy_peer peer = peer_of(conn);

    if (audience == NULL || !rule->in_parts)
        return rule;
    policy_find_part(rule, &peer, audience, &conn->access.part);
    return &conn->access.part;
}

const char *access_audience(const struct agent *agent, const struct api_method *method,
                            const json_t *params)
{
    switch (method->id) {
    case API_STATEMENT_GET:
        return json_get_string(params, "audience");
    case API_TOKEN_EXCHANGE:
        return json_get_string(params, "api");
    case API_PROXY_SEND:
        return json_get_string(params, "service");
    case API_TOKEN_GET:
    case API_TOKEN_INTROSPECT:
        return tokens_provider(session_tokens(agent->session));
    default:
        return NULL;
    }
}

static cps_error permits(const struct policy_rule *rule, const struct api_method *method,
                         struct fail *fail)
{
    if (policy_permits(rule, method->name))
        return CPS_OK;
    return fail_set(fail, CPS_NOT_ALLOWED, "the rule of this program does not have %s",
                    method->name);
}

cps_error access_permits(struct conn *conn, const struct api_method *method, const json_t *params,
                         bool *ret_interaction, struct fail *fail)
{
    const struct policy_rule *rule = access_rule(conn);

    if (rule->in_parts)
        rule = access_rule_for(conn, access_audience(conn->agent, method, params));
    if (permits(rule, method, fail) != CPS_OK)
        return fail->code;
    *ret_interaction = rule->terms.interaction;
    return CPS_OK;
}

/* The session's own tokens have one audience: what was allowed once need not be looked up again. */
static bool is_of_session(enum policy_kind kind)
{
    return kind == POLICY_ACCESS_TOKEN || kind == POLICY_ID_TOKEN;
}

/* What was granted to the connection is about the session and the provider of that moment. */
static bool is_about_present(const struct conn *conn)
{
    const struct session *session = conn->agent->session;

    return conn->access.epoch == session_epoch(session) &&
           conn->access.tokens == tokens_generation(session_tokens(session));
}

/* Granted for as long as neither that nor the rules change. */
static bool is_granted(const struct conn *conn, enum policy_kind kind)
{
    return (conn->access.granted & 1U << kind) != 0 && is_about_present(conn);
}

void access_note(struct conn *conn, enum policy_kind kind)
{
    const struct session *session = conn->agent->session;

    if (!is_of_session(kind))
        return;
    (void)access_rule(conn); /* what was granted under other rules is forgotten */
    if (!is_about_present(conn))
        conn->access.granted = 0;
    conn->access.epoch = session_epoch(session);
    conn->access.tokens = tokens_generation(session_tokens(session));
    conn->access.granted |= 1U << kind;
}

static void refuse(struct request *request, enum policy_kind kind, const char *audience,
                   const struct fail *fail)
{
    struct fail kept = *fail;

    evidence_refused(request->conn->agent, request->conn, kind, audience, &kept);
    request_fail(request, &kept);
}

/* False: there are too many of them, and the request is answered. */
static bool within_rate(struct agent *agent, struct request *request, const char *audience)
{
    struct conn *conn = request->conn;
    const char *program = conn->program != NULL ? conn->program : "";
    char who[WHO_MAX];
    struct fail fail;
    int64_t wait_ms;
    bool first;

    snprintf(who, sizeof who, "%s %s", conn->origin != NULL ? conn->origin : "", program);
    wait_ms = rate_limit_take(agent->statement_rate, who, &first);
    if (wait_ms == 0)
        return true;
    fail_set(&fail, CPS_RATE_LIMITED, "more statements than [limits] allows to one program");
    fail.retry_after_ms = wait_ms;
    if (first) /* a line each would let a program fill the log */
        evidence_refused(agent, conn, POLICY_STATEMENT, audience, &fail);
    request_fail(request, &fail);
    return false;
}

static enum policy_verdict verdict_of(const struct agent *agent, struct conn *conn,
                                      enum policy_kind kind, const char *audience)
{
    return policy_decide(access_rule_for(conn, audience), consents_unknown(agent->consents), kind,
                         audience);
}

/* Why nothing was asked: what an administrator, or the user, would have to change. */
static void explain(const struct policy_rule *rule, enum policy_kind kind, struct fail *fail)
{
    if (rule->closed)
        fail_set(fail, CPS_NOT_ALLOWED, "a file of policy.d has a mistake: see status");
    else if (rule->site == NULL && rule->user == NULL)
        fail_set(fail, CPS_NOT_ALLOWED, "no rule names this program: %s", policy_kind_names[kind]);
    else
        fail_set(fail, CPS_NOT_ALLOWED, "its rule does not have this: %s", policy_kind_names[kind]);
}

cps_error access_look_again(struct conn *conn, enum policy_kind kind, const char *audience,
                            struct fail *fail)
{
    if (verdict_of(conn->agent, conn, kind, audience) != POLICY_REFUSED)
        return CPS_OK;
    explain(access_rule_for(conn, audience), kind, fail);
    return fail->code;
}

/* When the call came, who or what it is for may not have been known: with a login just before. */
static bool is_covered(const struct policy_rule *rule, struct request *request, struct fail *fail)
{
    if (!rule->in_parts)
        return true;
    request->interactive &= rule->terms.interaction;
    return permits(rule, request->method, fail) == CPS_OK;
}

void access_request(struct agent *agent, struct request *request, enum policy_kind kind,
                    const char *audience, access_granted granted)
{
    struct conn *conn = request->conn;
    const struct policy_rule *rule = access_rule_for(conn, audience);
    enum policy_verdict verdict;
    struct fail fail;

    if (!is_covered(rule, request, &fail)) {
        refuse(request, kind, audience, &fail);
        return;
    }
    if (is_granted(conn, kind)) {
        granted(agent, request);
        return;
    }
    if (kind == POLICY_STATEMENT && !within_rate(agent, request, audience))
        return;
    verdict = verdict_of(agent, conn, kind, audience);
    if (verdict == POLICY_REFUSED) {
        explain(rule, kind, &fail);
        refuse(request, kind, audience, &fail);
    } else if (session_proof(agent->session) == NULL) {
        granted(agent, request);
    } else if (verdict == POLICY_ALLOWED && (rule->terms.confirm & 1U << kind) == 0) {
        access_note(conn, kind);
        granted(agent, request);
    } else {
        consent_need(agent, request, kind, audience, verdict == POLICY_TO_ASK, granted);
    }
}

cps_error access_set_origin(struct conn *conn, const char *origin, struct fail *fail)
{
    const char *before = conn->origin;
    bool local = config_bool(conn->agent->config, "policy", "http_localhost", false);

    if (before != NULL && (origin == NULL || strcmp(origin, before) != 0))
        return fail_reason(fail, CPS_INVALID_PARAMS, "origin",
                           "that of a connection does not change");
    if (origin == NULL || before != NULL)
        return CPS_OK;
    /* An answer about the program would be taken for one about the page. */
    if (conn->n_requests > 1)
        return fail_reason(fail, CPS_INVALID_PARAMS, "origin",
                           "requests of the program itself are under way");
    if (!access_rule(conn)->terms.origins)
        return fail_reason(fail, CPS_NOT_ALLOWED, "origin",
                           "no rule has origins = yes for this program");
    if (web_origin_check(origin, local, fail) != CPS_OK)
        return fail->code;
    conn->origin = strdup(origin);
    if (conn->origin == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    conn->access.generation = 0; /* the rule is that of the origin now */
    return CPS_OK;
}

struct rate_limit *access_rate_new(const struct config *config)
{
    int64_t rate = config_int(config, "limits", "statements_per_minute", STATEMENTS_PER_MINUTE);
    int64_t burst = config_int(config, "limits", "statements_burst", STATEMENTS_BURST);

    return rate_limit_new((unsigned)rate, (unsigned)burst);
}

struct push_limit *access_pushes_new(const struct agent *agent)
{
    return push_limit_new(
        (unsigned)config_int(agent->config, "limits", "pushes_per_hour", PUSH_LIMIT_DEFAULT),
        agent->options.state_dir, agent->store, agent->keys);
}
