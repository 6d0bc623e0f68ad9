/* SPDX-License-Identifier: Apache-2.0 */
/* What programs are told of a session, and what they may ask of it: the part that changes nothing
 * but the choice of a practice situation. */
#include "agent/evidence_events.h"
#include "agent/identity.h"
#include "agent/practice_memory.h"
#include "agent/session.h"
#include "agent/sessions.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

static json_t *or_null(json_t *value)
{
    return value != NULL ? json_incref(value) : json_null();
}

/* The keyed hash of the serial number is for statements only. */
static json_t *card_part(const struct login_proof *proof)
{
    json_t *card = proof->card != NULL ? json_copy(proof->card) : json_null();

    json_object_del(card, "serial_hash");
    return card;
}

json_t *session_json(const struct session *session)
{
    const struct login_proof *proof = session_owner_proof(session);
    json_t *json;

    if (proof == NULL || session_id(session) == NULL)
        return json_null();
    json = json_pack(
        "{s:s, s:I, s:s, s:s, s:O, s:s*, s:I, s:I, s:O, s:o, s:o, s:s, s:o, s:b}", "id",
        session_id(session), "epoch", (json_int_t)session_epoch(session), "state",
        session_is_open(session) ? "open" : "locked", "method", proof->method, "amr", proof->amr,
        "acr", proof->acr, "auth_time", (json_int_t)proof->auth_time_s, "expires_at",
        (json_int_t)session_expires_at_s(session), "holder", proof->holder, "card",
        card_part(proof), "psc", or_null(proof->psc), "presence",
        proof->reader != NULL ? "card" : "none", "practice", practice_chosen(proof->practice),
        "practice_choice_needed", practice_choice_needed(proof->practice));
    if (proof->idp != NULL)
        json_object_set(json, "idp", proof->idp);
    return json;
}

cps_error session_choose_practice(struct session *session, int64_t number, struct fail *fail)
{
    struct agent *agent = session_agent(session);
    const struct login_proof *proof = session_proof(session);
    AUTO_FREE char *fingerprint = NULL;

    if (session_check(session, fail) != CPS_OK ||
        practice_choose(proof->practice, number, fail) != CPS_OK)
        return fail->code;
    fingerprint = practice_fingerprint(proof->practice);
    practice_memory_set(agent->practice_memory, identity_subject(proof->holder), fingerprint);
    session_touch(session);
    evidence_practice_chosen(agent);
    sessions_publish(agent, "practice", NULL);
    return CPS_OK;
}

cps_error session_check(const struct session *session, struct fail *fail)
{
    if (session_is_open(session))
        return CPS_OK;
    if (session_state(session) == SESSION_NONE)
        return fail_set(fail, CPS_NO_SESSION, "nobody is at the desk");
    return fail_set(fail, CPS_SESSION_LOCKED, "its owner has to unlock it");
}

cps_error session_check_epoch(const struct session *session, const json_t *params,
                              struct fail *fail)
{
    int64_t epoch = json_get_int(params, "epoch", session_epoch(session));

    if (epoch == session_epoch(session))
        return CPS_OK;
    return fail_set(fail, CPS_SESSION_CHANGED, "epoch is not the one of the request any more");
}
