/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/session.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cards.h"
#include "agent/evidence_events.h"
#include "agent/identity.h"
#include "agent/practice_memory.h"
#include "agent/server.h"
#include "agent/session_clock.h"
#include "agent/tokens.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

struct session {
    struct agent *agent;
    enum session_state state;
    int64_t epoch;
    char *id;
    struct login_proof proof;
    char *reader;
    char *watched;
    int64_t expires_at_s;
    struct session_clock clock;
};

static const char *const state_names[SESSION_STATES] = {"none", "open"};

/* Why a session is closed, as subscribers read it. */
static const char *const reasons[SESSION_INPUTS] = {
    [SESSION_LOGIN] = "replaced",      [SESSION_CARD_REMOVED] = "card_removed",
    [SESSION_LOGOUT] = "logout",       [SESSION_EXPIRED] = "expired",
    [SESSION_STOPPED] = "stopped",     [SESSION_BLOCKED] = "blocked",
    [SESSION_UNTRUSTED] = "untrusted", [SESSION_REVOKED] = "revoked",
    [SESSION_SUSPENDED] = "suspended", [SESSION_BACKGROUND] = "background",
    [SESSION_LOCKED] = "locked",       [SESSION_IDLE] = "idle",
};

/* The whole state machine. A login in an open session closes it first, see session_open(). */
static const enum session_state next_states[SESSION_STATES][SESSION_INPUTS] = {
    [SESSION_NONE] = {[SESSION_LOGIN] = SESSION_OPEN},
    [SESSION_OPEN] = {[SESSION_LOGIN] = SESSION_OPEN},
};

static void publish(struct session *session, const char *change, const char *reason)
{
    server_publish(session->agent->server, EVENT_SESSION,
                   json_pack("{s:s, s:s*, s:o, s:I}", "change", change, "reason", reason, "session",
                             session_json(session), "epoch", (json_int_t)session->epoch));
}

void login_proof_done(struct login_proof *proof)
{
    json_decref(proof->amr);
    json_decref(proof->holder);
    json_decref(proof->card);
    json_decref(proof->revocation);
    json_decref(proof->psc);
    json_decref(proof->idp);
    json_decref(proof->tokens);
    practice_free(proof->practice);
    free(proof->acr);
    *proof = (struct login_proof){0};
}

static void close_session(struct session *session, enum session_input why)
{
    session_clock_stop(&session->clock);
    evidence_session_closed(session->agent, reasons[why]);
    tokens_drop(session->agent->tokens);
    if (session->reader != NULL &&
        (why == SESSION_LOGOUT || why == SESSION_EXPIRED || why == SESSION_IDLE ||
         why == SESSION_BLOCKED || why == SESSION_UNTRUSTED || why == SESSION_REVOKED))
        cards_logout(session->agent->cards, session->reader);
    login_proof_done(&session->proof);
    free(TAKE_PTR(session->id));
    free(TAKE_PTR(session->reader));
    free(TAKE_PTR(session->watched));
    session->epoch++;
    log_info("session closed: %s", reasons[why]);
    publish(session, "closed", reasons[why]);
}

void session_input(struct session *session, enum session_input input)
{
    enum session_state before = session->state;

    session->state = next_states[before][input];
    if (before != session->state)
        log_debug("session: %s to %s", state_names[before], state_names[session->state]);
    if (before == SESSION_OPEN)
        close_session(session, input);
}

static void on_ending(void *user, enum session_input why, int64_t ends_at_s)
{
    struct session *session = user;

    server_publish(session->agent->server, EVENT_SESSION,
                   json_pack("{s:s, s:s, s:I, s:o, s:I}", "change", "ending", "reason",
                             reasons[why], "ends_at", (json_int_t)ends_at_s, "session",
                             session_json(session), "epoch", (json_int_t)session->epoch));
}

static void on_ended(void *user, enum session_input why)
{
    session_input(user, why);
}

static const struct session_clock_class clock_class = {.ending = on_ending, .ended = on_ended};

static char *random_id(void)
{
    uint8_t bytes[16];

    return RAND_bytes(bytes, sizeof bytes) == 1 ? b64_encode(bytes, sizeof bytes) : NULL;
}

static void start_clock(struct session *session)
{
    int64_t idle_minutes =
        config_int(session->agent->config, "session", "idle_minutes", SESSION_IDLE_MINUTES);

    session_clock_start(&session->clock, session->agent->event, session->expires_at_s,
                        idle_minutes * 60000, &clock_class, session);
}

/* Somebody else, or another means, takes over: the PIN of the card left behind is not for them. */
static void leave_card(struct session *session, const char *next_reader)
{
    if (session->reader != NULL &&
        (next_reader == NULL || strcmp(next_reader, session->reader) != 0))
        cards_logout(session->agent->cards, session->reader);
}

void session_open(struct session *session, struct login_proof *proof)
{
    leave_card(session, proof->reader);
    session_input(session, SESSION_LOGIN);
    session->proof = *proof;
    session->reader = proof->reader != NULL ? strdup(proof->reader) : NULL;
    session->proof.reader = session->reader;
    session->watched = proof->watched != NULL ? strdup(proof->watched) : NULL;
    session->proof.watched = session->watched;
    *proof = (struct login_proof){0};
    session->id = random_id();
    session->epoch++;
    practice_recall(session->proof.practice, session->agent->practice_memory,
                    identity_subject(session->proof.holder));
    session->expires_at_s = session->proof.auth_time_s + SESSION_MAX_S;
    tokens_take(session->agent->tokens, session->proof.tokens, session->epoch);
    start_clock(session);
    log_info("session opened by %s", session->proof.method);
    publish(session, "opened", NULL);
}

void session_set_revocation(struct session *session, json_t *revocation)
{
    json_decref(session->proof.revocation);
    session->proof.revocation = revocation;
}

void session_card_removed(struct session *session, const char *reader)
{
    const char *ours = session->reader != NULL ? session->reader : session->watched;

    if (ours != NULL && strcmp(ours, reader) == 0)
        session_input(session, SESSION_CARD_REMOVED);
}

void session_touch(struct session *session)
{
    session_clock_touch(&session->clock);
}

bool session_is_open(const struct session *session)
{
    return session->state == SESSION_OPEN;
}

int64_t session_epoch(const struct session *session)
{
    return session->epoch;
}

const char *session_id(const struct session *session)
{
    return session->id;
}

const struct login_proof *session_proof(const struct session *session)
{
    return session_is_open(session) ? &session->proof : NULL;
}

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
    const struct login_proof *proof = &session->proof;
    json_t *json;

    if (!session_is_open(session) || session->id == NULL)
        return json_null();
    json = json_pack(
        "{s:s, s:I, s:s, s:O, s:s*, s:I, s:I, s:O, s:o, s:o, s:s, s:o, s:b}", "id", session->id,
        "epoch", (json_int_t)session->epoch, "method", proof->method, "amr", proof->amr, "acr",
        proof->acr, "auth_time", (json_int_t)proof->auth_time_s, "expires_at",
        (json_int_t)session->expires_at_s, "holder", proof->holder, "card", card_part(proof), "psc",
        or_null(proof->psc), "presence", session->reader != NULL ? "card" : "none", "practice",
        practice_chosen(proof->practice), "practice_choice_needed",
        practice_choice_needed(proof->practice));
    if (proof->idp != NULL)
        json_object_set(json, "idp", proof->idp);
    return json;
}

/* Not remembering is no reason to refuse the choice: it holds for this session then. */
cps_error session_choose_practice(struct session *session, int64_t number, struct fail *fail)
{
    AUTO_FREE char *fingerprint = NULL;
    struct fail lost;
    char text[512];

    if (!session_is_open(session))
        return fail_set(fail, CPS_NO_SESSION, "nobody to choose for");
    if (practice_choose(session->proof.practice, number, fail) != CPS_OK)
        return fail->code;
    fingerprint = practice_fingerprint(session->proof.practice);
    if (practice_memory_set(session->agent->practice_memory,
                            identity_subject(session->proof.holder), fingerprint,
                            &lost) != CPS_OK) {
        fail_describe(&lost, text, sizeof text);
        log_warning("practice situation not remembered: %s", text);
    }
    session_touch(session);
    evidence_practice_chosen(session->agent);
    publish(session, "practice", NULL);
    return CPS_OK;
}

cps_error session_check_epoch(const struct session *session, const json_t *params,
                              struct fail *fail)
{
    int64_t epoch = json_get_int(params, "epoch", session->epoch);

    if (epoch == session->epoch)
        return CPS_OK;
    return fail_set(fail, CPS_SESSION_CHANGED, "epoch is not the one of the request any more");
}

/* Grows from one life of the agent to the next: nobody opens a session a millisecond. */
static int64_t first_epoch(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct session *session_new(struct agent *agent)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL)
        return NULL;
    session->agent = agent;
    session->epoch = first_epoch();
    return session;
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    session_input(session, SESSION_STOPPED);
    free(session);
}
