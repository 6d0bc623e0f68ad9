/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence_events.h"

#include <limits.h>

#include "agent/evidence.h"
#include "agent/identity.h"
#include "agent/keys.h"
#include "agent/peer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

static const char *const token_kind_names[TOKEN_KINDS] = {
    [TOKEN_ACCESS] = "access", [TOKEN_ID] = "id"};

static json_t *pseudonym(const struct agent *agent, const char *text)
{
    AUTO_FREE char *hash = text != NULL ? keys_pseudonym(agent->keys, text) : NULL;

    return hash != NULL ? json_string(hash) : NULL;
}

static void set_if(json_t *object, const char *key, json_t *value)
{
    if (value != NULL)
        json_object_set_new(object, key, value);
}

/* Members of a proof that name nobody. */
static void copy_if(json_t *to, const json_t *from, const char *key)
{
    json_t *value = json_object_get(from, key);

    if (value != NULL)
        json_object_set(to, key, value);
}

static const char *result_of(const struct fail *fail)
{
    return fail != NULL ? cps_error_name(fail->code) : "ok";
}

/* Who, and how strongly it was proved, as far as the session knows. */
static void add_session_of(const struct agent *agent, const struct session *session, json_t *event)
{
    const struct login_proof *proof = session_owner_proof(session);

    if (proof == NULL || session_id(session) == NULL)
        return;
    set_if(event, "session", json_string(session_id(session)));
    set_if(event, "epoch", json_integer(session_epoch(session)));
    set_if(event, "person", pseudonym(agent, identity_subject(proof->holder)));
    set_if(event, "amr", json_incref(proof->amr));
    set_if(event, "acr", proof->acr != NULL ? json_string(proof->acr) : NULL);
    set_if(event, "auth_time", json_integer(proof->auth_time_s));
}

static void add_session(const struct agent *agent, json_t *event)
{
    add_session_of(agent, agent->session, event);
}

/* By what means: told once, at the login. */
static void add_means(const struct agent *agent, json_t *event)
{
    const struct login_proof *proof = session_proof(agent->session);
    json_t *practice;
    json_t *psc;

    if (proof == NULL)
        return;
    practice = practice_chosen(proof->practice);
    set_if(event, "card", json_incref(proof->card));
    set_if(event, "revocation", json_incref(proof->revocation));
    if (!json_is_null(practice))
        json_object_set(event, "practice", practice);
    json_decref(practice);
    if (proof->psc == NULL)
        return;
    psc = json_object();
    copy_if(psc, proof->psc, "provider");
    copy_if(psc, proof->psc, "issuer");
    copy_if(psc, proof->psc, "acr");
    copy_if(psc, proof->psc, "auth_mode");
    set_if(psc, "subject", pseudonym(agent, json_get_string(proof->psc, "subject_name_id")));
    json_object_set_new(event, "psc", psc);
}

/* A path need not be text: it is told all the same, masked. */
static json_t *program_text(const char *program)
{
    char masked[PATH_MAX];
    json_t *text = program != NULL ? json_string(program) : NULL;

    if (text == NULL && program != NULL)
        text = json_string(peer_text(program, masked, sizeof masked));
    return text;
}

static void add_program(json_t *event, const struct conn *conn)
{
    set_if(event, "program", program_text(conn->program));
    set_if(event, "web_origin", conn->origin != NULL ? json_string(conn->origin) : NULL);
    set_if(event, "pid", json_integer(conn->pid));
}

void evidence_agent_started(struct agent *agent)
{
    AUTO_JSON json_t *jwks = keys_jwks(agent->keys);

    evidence_add(agent->evidence, "start",
                 json_pack("{s:s, s:O}", "version", CPS_VERSION, "key",
                           json_array_get(json_get_array(jwks, "keys"), 0)));
    evidence_checkpoint(agent->evidence); /* a log is never without any signature */
}

void evidence_agent_stopped(struct agent *agent)
{
    evidence_tokens_counted(agent);
    evidence_add(agent->evidence, "stop", NULL);
}

void evidence_login_ended(struct agent *agent, const char *name, const char *method,
                          int64_t duration_ms, const struct fail *fail)
{
    json_t *event = json_pack("{s:s, s:s, s:I}", "result", result_of(fail), "method", method,
                              "duration_ms", (json_int_t)duration_ms);

    if (fail == NULL) {
        add_session(agent, event);
        add_means(agent, event);
    } else if (fail->tries_left >= 0) {
        json_object_set_new(event, "tries_left", json_integer(fail->tries_left));
    }
    evidence_add(agent->evidence, name, event);
}

void evidence_session_closed(struct agent *agent, const struct session *session, const char *reason)
{
    evidence_tokens_counted(agent);
    evidence_add(agent->evidence, "session_closed",
                 json_pack("{s:s, s:s*, s:I}", "reason", reason, "session", session_id(session),
                           "epoch", (json_int_t)session_epoch(session)));
}

void evidence_session_moved(struct agent *agent, const struct session *session, const char *name,
                            const char *reason)
{
    json_t *event = json_pack("{s:s}", "reason", reason);

    add_session_of(agent, session, event);
    evidence_add(agent->evidence, name, event);
}

void evidence_practice_chosen(struct agent *agent)
{
    const struct login_proof *proof = session_proof(agent->session);
    json_t *event = json_object();

    if (proof != NULL)
        json_object_set_new(event, "practice", practice_chosen(proof->practice));
    add_session(agent, event);
    evidence_add(agent->evidence, "practice", event);
}

void evidence_statement(struct agent *agent, const struct conn *conn, const char *audience,
                        bool counter_signed, const struct fail *fail)
{
    json_t *event = json_pack("{s:s, s:s}", "result", result_of(fail), "audience", audience);

    if (counter_signed)
        json_object_set_new(event, "counter_signed", json_true());
    add_program(event, conn);
    if (fail == NULL)
        add_session(agent, event);
    evidence_add(agent->evidence, "statement", event);
}

/* What was given after the lines that are there. */
static void tell_more(struct agent *agent, struct token_count *count)
{
    json_t *event = json_pack("{s:s, s:i, s:I}", "kind", token_kind_names[count->kind], "count",
                              (int)count->more, "epoch", (json_int_t)agent->token_counts.epoch);

    set_if(event, "program", program_text(count->program));
    set_if(event, "pid", json_integer(count->pid));
    evidence_add(agent->evidence, "token_count", event);
    count->more = 0;
    count->told_ms = clock_boot_ms();
}

void evidence_tokens_counted(struct agent *agent)
{
    for (unsigned i = 0; i < agent->token_counts.n; i++)
        if (agent->token_counts.entries[i].more > 0)
            tell_more(agent, &agent->token_counts.entries[i]);
    token_counts_clear(&agent->token_counts);
}

static void tell_first(struct agent *agent, const struct conn *conn, enum token_kind kind)
{
    json_t *event = json_pack("{s:s, s:s}", "result", "ok", "kind", token_kind_names[kind]);

    add_program(event, conn);
    add_session(agent, event);
    evidence_add(agent->evidence, "token", event);
}

void evidence_token(struct agent *agent, const struct conn *conn, enum token_kind kind)
{
    struct token_counts *counts = &agent->token_counts;
    int64_t epoch = session_epoch(agent->session);
    struct token_count *count;

    if (counts->epoch != epoch)
        evidence_tokens_counted(agent);
    counts->epoch = epoch;
    count = token_counts_find(counts, conn->program, conn->pid, kind);
    if (count != NULL) {
        count->more++;
        if (clock_boot_ms() - count->told_ms >= TOKEN_COUNTS_TELL_MS)
            tell_more(agent, count);
        return;
    }
    if (counts->n == TOKEN_COUNTS_MAX)
        evidence_tokens_counted(agent);
    (void)token_counts_add(counts, conn->program, conn->pid, kind); /* else each has its line */
    tell_first(agent, conn, kind);
}

json_t *evidence_pin_begun(const struct agent *agent, const struct conn *conn,
                           const struct card *card, const char *operation)
{
    json_t *means =
        json_pack("{s:s, s:s}", "reader", card_reader(card), "family", card_family(card));
    json_t *event = json_pack("{s:s, s:o}", "operation", operation, "card", means);

    set_if(means, "serial_hash", pseudonym(agent, card_serial(card)));
    set_if(event, "person", pseudonym(agent, identity_subject(card_holder(card))));
    add_program(event, conn);
    return event;
}

void evidence_pin_ended(struct agent *agent, json_t *begun, const struct fail *fail)
{
    json_object_set_new(begun, "result", json_string(result_of(fail)));
    if (fail != NULL && fail->tries_left >= 0)
        json_object_set_new(begun, "tries_left", json_integer(fail->tries_left));
    evidence_add(agent->evidence, "pin", begun);
}

void evidence_refresh_failed(struct agent *agent, const struct session *session,
                             const char *provider, const struct fail *fail)
{
    json_t *event = json_pack("{s:s, s:s*}", "result", result_of(fail), "provider", provider);

    add_session_of(agent, session, event);
    evidence_add(agent->evidence, "refresh", event);
}

void evidence_provider_logout(struct agent *agent, const char *provider, bool ended, int tries)
{
    evidence_add(
        agent->evidence, "logout",
        json_pack("{s:s*, s:b, s:i}", "provider", provider, "ended", ended, "tries", tries));
}

static json_t *about(const struct conn *conn, enum policy_kind kind, const char *audience,
                     const char *result)
{
    json_t *event = json_pack("{s:s, s:s}", "result", result, "kind", policy_kind_names[kind]);

    if (audience != NULL && audience[0] != '\0')
        json_object_set_new(event, "audience", json_string(audience));
    add_program(event, conn);
    return event;
}

void evidence_refused(struct agent *agent, struct conn *conn, enum policy_kind kind,
                      const char *audience, const struct fail *fail)
{
    if (kind == POLICY_STATEMENT) {
        evidence_statement(agent, conn, audience, false, fail);
        return;
    }
    if ((conn->access.refused & 1U << kind) == 0)
        evidence_add(agent->evidence, "refused", about(conn, kind, audience, result_of(fail)));
    conn->access.refused |= 1U << kind;
}

void evidence_consent(struct agent *agent, const struct conn *conn, enum policy_kind kind,
                      const char *audience, const char *result)
{
    json_t *event = about(conn, kind, audience, result);

    add_session(agent, event);
    evidence_add(agent->evidence, "consent", event);
}

void evidence_consent_revoked(struct agent *agent, const struct conn *conn, unsigned count)
{
    json_t *event = json_pack("{s:i}", "count", (int)count);

    add_program(event, conn);
    add_session(agent, event);
    evidence_add(agent->evidence, "consent_revoked", event);
}

void evidence_exchange(struct agent *agent, const struct conn *conn, const char *api,
                       const struct fail *fail)
{
    json_t *event = json_pack("{s:s, s:s}", "result", result_of(fail), "api", api);

    if (conn != NULL)
        add_program(event, conn);
    add_session(agent, event);
    evidence_add(agent->evidence, "exchange", event);
}

void evidence_key_rotated(struct agent *agent)
{
    AUTO_JSON json_t *jwks = keys_jwks(agent->keys);

    evidence_add(agent->evidence, "key_rotated",
                 json_pack("{s:O}", "key", json_array_get(json_get_array(jwks, "keys"), 0)));
}
