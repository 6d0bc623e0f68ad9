/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/methods_policy.h"

#include "agent/access.h"
#include "agent/consent.h"
#include "agent/consent_memory.h"
#include "agent/evidence_events.h"
#include "agent/policy.h"
#include "agent/session.h"
#include "agent/state_reply.h"
#include "agent/statement.h"
#include "agent/tokens.h"
#include "base/json.h"
#include "base/util.h"

void method_policy_list(struct agent *agent, struct request *request)
{
    AUTO_JSON json_t *files = policy_json(agent->policy);

    request_reply(request, json_pack("{s:s, s:o, s:O, s:o}", "unknown",
                                     policy_unknown_names[consents_unknown(agent->consents)],
                                     "rules", policy_rules_json(agent->policy), "refused",
                                     json_get_array(files, "refused"), "answers",
                                     consents_json(agent->consents)));
}

/* What is asked about: the rule of a program, and for whom it would ask. */
struct check {
    struct agent *agent;
    struct policy_peer peer;
    struct policy_rule rule; /* that goes by the program alone */
    const char *audience;    /* or NULL */
};

static struct policy_rule rule_for(const struct check *check, const char *audience)
{
    struct policy_rule rule = check->rule;

    if (audience != NULL)
        policy_find_part(&check->rule, &check->peer, audience, &rule);
    return rule;
}

/* As access_request() decides, short of asking. */
static enum policy_verdict decide(const struct check *check, enum policy_kind kind,
                                  const char *audience)
{
    struct policy_rule rule = rule_for(check, audience);
    struct consents *consents = check->agent->consents;
    const char *about = audience != NULL ? audience : "";
    enum policy_verdict verdict = policy_decide(&rule, consents_unknown(consents), kind, about);
    bool confirm = (rule.terms.confirm & 1U << kind) != 0;
    enum policy_answer said = POLICY_SILENT;

    if (verdict == POLICY_TO_ASK)
        said = consents_recall(consents, check->peer.program, check->peer.origin, kind, about);
    if (said == POLICY_NO)
        return POLICY_REFUSED;
    if (said == POLICY_YES)
        verdict = POLICY_ALLOWED;
    return verdict == POLICY_ALLOWED && confirm ? POLICY_TO_ASK : verdict;
}

static json_t *decisions(const struct check *check)
{
    const char *provider = tokens_provider(session_tokens(check->agent->session));
    json_t *told = json_object();

    for (int i = 0; i < POLICY_KINDS; i++) {
        enum policy_kind kind = (enum policy_kind)i;
        bool of_session = kind == POLICY_ACCESS_TOKEN || kind == POLICY_ID_TOKEN;
        const char *audience = of_session ? provider : check->audience;

        if (audience == NULL && kind == POLICY_STATEMENT)
            continue;
        json_object_set_new(told, policy_kind_names[i],
                            json_string(policy_verdict_names[decide(check, kind, audience)]));
    }
    return told;
}

/* Those that it may call: for that audience, where a method is for one. */
static json_t *methods(const struct check *check)
{
    AUTO_JSON json_t *params = json_pack("{s:s*, s:s*, s:s*}", "audience", check->audience, "api",
                                         check->audience, "service", check->audience);
    json_t *list = json_array();

    for (int i = 0; i < API_METHOD_COUNT; i++) {
        const struct api_method *method = &api_methods[i];
        struct policy_rule rule = rule_for(check, access_audience(check->agent, method, params));

        if (policy_permits(&rule, method->name))
            json_array_append_new(list, json_string(method->name));
    }
    return list;
}

void method_policy_check(struct agent *agent, struct request *request)
{
    const json_t *params = request->params;
    struct check check = {.agent = agent,
                          .peer = {.program = json_get_string(params, "program"),
                                   .unit = json_get_string(params, "unit"),
                                   .app = json_get_string(params, "app"),
                                   .origin = json_get_string(params, "origin")},
                          .audience = json_get_string(params, "audience")};
    struct policy_rule rule;
    json_t *answer;

    policy_find(agent->policy, &check.peer, &check.rule);
    rule = rule_for(&check, check.audience);
    answer = json_pack("{s:o, s:o, s:o, s:o, s:o}", "site", policy_section_json(rule.site), "user",
                       policy_section_json(rule.user), "parts",
                       policy_parts_json(&check.rule, &check.peer), "decisions", decisions(&check),
                       "methods", methods(&check));
    json_object_set_new(answer, "interaction", json_boolean(rule.terms.interaction));
    json_object_set_new(answer, "origins", json_boolean(rule.terms.origins));
    json_object_set_new(answer, "counter_signature", json_boolean(rule.terms.counter_signature));
    json_object_set_new(
        answer, "lifetime_s",
        json_integer(rule.terms.lifetime_s > 0 ? rule.terms.lifetime_s : STATEMENT_TTL_S));
    request_reply(request, answer);
}

void method_policy_revoke(struct agent *agent, struct request *request)
{
    const char *program = json_get_string(request->params, "program");
    int64_t id = json_get_int(request->params, "id", 0);
    unsigned count = consents_revoke(agent->consents, id, program);
    json_t *result = json_pack("{s:i}", "revoked", (int)count);

    if (count == 0) {
        request_reply(request, result);
        return;
    }
    evidence_consent_revoked(agent, request->conn, count);
    state_reply(agent->store, CONSENT_MEMORY_FILE, request, result);
}
