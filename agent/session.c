/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/session.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cards.h"
#include "agent/consent.h"
#include "agent/evidence_events.h"
#include "agent/identity.h"
#include "agent/practice_memory.h"
#include "agent/session_clock.h"
#include "agent/sessions.h"
#include "agent/tokens.h"
#include "base/b64.h"
#include "base/clock.h"
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
    int64_t proved_ms; /* boot time of the strong login; before the machine's start: negative */
    int64_t locked_ms; /* boot time */
    int64_t expires_at_s;
    struct session_clock clock;
    struct tokens *tokens;
};

static const char *const state_names[SESSION_STATES] = {"none", "open", "locked", "parked"};

static const char *const reasons[SESSION_INPUTS] = {
    [SESSION_LOGIN] = "login",
    [SESSION_UNLOCK] = "unlock",
    [SESSION_LOCK] = "request",
    [SESSION_LOCK_SCREEN] = "screen",
    [SESSION_PARK] = "borrowed",
    [SESSION_RESUME] = "returned",
    [SESSION_REPLACED] = "replaced",
    [SESSION_CARD_REMOVED] = "card_removed",
    [SESSION_LOGOUT] = "logout",
    [SESSION_EXPIRED] = "expired",
    [SESSION_IDLE] = "idle",
    [SESSION_STOPPED] = "stopped",
    [SESSION_BLOCKED] = "blocked",
    [SESSION_UNTRUSTED] = "untrusted",
    [SESSION_REVOKED] = "revoked",
    [SESSION_SUSPENDED] = "suspended",
    [SESSION_BACKGROUND] = "background",
    [SESSION_SCREEN_LOCKED] = "locked",
};

/*
 * The whole state machine. What is not said here ends in SESSION_NONE: so do all the closers, and a
 * move that makes no sense fails closed.
 */
static const enum session_state next_states[SESSION_STATES][SESSION_INPUTS] = {
    [SESSION_NONE] = {[SESSION_LOGIN] = SESSION_OPEN},
    [SESSION_OPEN] = {[SESSION_UNLOCK] = SESSION_OPEN,
                      [SESSION_LOCK] = SESSION_LOCKED,
                      [SESSION_LOCK_SCREEN] = SESSION_LOCKED,
                      [SESSION_PARK] = SESSION_PARKED},
    [SESSION_LOCKED] = {[SESSION_UNLOCK] = SESSION_OPEN,
                        [SESSION_LOCK] = SESSION_LOCKED,
                        [SESSION_LOCK_SCREEN] = SESSION_LOCKED,
                        [SESSION_PARK] = SESSION_PARKED},
    [SESSION_PARKED] = {[SESSION_LOCK] = SESSION_PARKED,
                        [SESSION_LOCK_SCREEN] = SESSION_PARKED,
                        [SESSION_PARK] = SESSION_PARKED,
                        [SESSION_RESUME] = SESSION_LOCKED},
};

const char *session_reason(enum session_input input)
{
    return reasons[input];
}

static bool forgets_pin(enum session_input why)
{
    return why == SESSION_LOGOUT || why == SESSION_EXPIRED || why == SESSION_IDLE ||
           why == SESSION_BLOCKED || why == SESSION_UNTRUSTED || why == SESSION_REVOKED;
}

static void close_session(struct session *session, enum session_input why)
{
    session_clock_stop(&session->clock);
    evidence_session_closed(session->agent, session, reasons[why]);
    tokens_drop(session->tokens);
    consents_end(session->agent->consents, session->epoch, CPS_SESSION_CHANGED);
    if (forgets_pin(why))
        session_leave_card(session, NULL);
    login_proof_done(&session->proof);
    free(TAKE_PTR(session->id));
    free(TAKE_PTR(session->reader));
    free(TAKE_PTR(session->watched));
    session->epoch = sessions_next_epoch(session->agent->sessions);
    log_info("session closed: %s", reasons[why]);
    sessions_closed(session->agent->sessions, session, why);
}

/* Its owner has left the desk: who waits for a token is told, and no PIN stays verified. */
static void withdraw(struct session *session, enum session_input why)
{
    struct fail fail;

    fail_set(&fail, session->state == SESSION_PARKED ? CPS_SESSION_CHANGED : CPS_SESSION_LOCKED,
             "its owner left the desk meanwhile");
    tokens_hold(session->tokens, &fail);
    consents_end(session->agent->consents, session->epoch, fail.code);
    if (why == SESSION_PARK)
        session_leave_card(session, NULL);
    else
        cards_reset(session->agent->cards);
    evidence_session_moved(session->agent, session,
                           session->state == SESSION_PARKED ? "parked" : "lock", reasons[why]);
    log_info("session %s: %s", state_names[session->state], reasons[why]);
}

static void come_back(struct session *session)
{
    evidence_session_moved(session->agent, session, "resumed", reasons[SESSION_RESUME]);
    log_info("session resumed, locked");
    sessions_publish(session->agent, "resumed", reasons[SESSION_RESUME]);
}

void session_input(struct session *session, enum session_input input)
{
    enum session_state before = session->state;
    enum session_state after = next_states[before][input];

    if (before == after)
        return;
    log_debug("session: %s to %s", state_names[before], state_names[after]);
    session->state = after;
    if (before == SESSION_OPEN)
        session->locked_ms = clock_boot_ms();
    if (after == SESSION_NONE) {
        close_session(session, input);
    } else if (input == SESSION_RESUME) {
        come_back(session);
    } else if (after == SESSION_PARKED) {
        withdraw(session, input);
        sessions_publish(session->agent, "parked", reasons[input]);
    } else if (after == SESSION_LOCKED) {
        withdraw(session, input);
        sessions_publish(session->agent, "locked", reasons[input]);
    } else if (input == SESSION_UNLOCK) {
        session_touch(session);
        log_info("session unlocked by %s", session->proof.method);
        sessions_publish(session->agent, "unlocked", NULL);
    }
}

static void on_ending(void *user, enum session_input why, int64_t ends_at_s)
{
    const struct session *session = user;

    if (session->state == SESSION_PARKED) /* who is at the desk has nothing to know of it */
        return;
    sessions_publish_ending(session->agent, reasons[why], ends_at_s);
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

/* The login counts from now on, and so does everything that depends on its time. */
static void start_clock(struct session *session)
{
    int64_t idle_minutes =
        config_int(session->agent->config, "session", "idle_minutes", SESSION_IDLE_MINUTES);
    int64_t age_s = clock_real_s() - session->proof.auth_time_s;

    session->proved_ms = clock_boot_ms() - (age_s > 0 ? age_s : 0) * 1000;
    session->expires_at_s = session->proof.auth_time_s + SESSION_MAX_S;
    session_clock_stop(&session->clock);
    session_clock_start(&session->clock, session->agent->event, session->expires_at_s,
                        idle_minutes * 60000, &clock_class, session);
}

void session_leave_card(const struct session *session, const char *next_reader)
{
    if (session->reader != NULL &&
        (next_reader == NULL || strcmp(next_reader, session->reader) != 0))
        cards_logout(session->agent->cards, session->reader);
}

static void set_text(char **text, const char *value)
{
    free(*text);
    *text = value != NULL ? strdup(value) : NULL;
}

static void take_readers(struct session *session, const struct login_proof *proof)
{
    set_text(&session->reader, proof->reader);
    set_text(&session->watched, proof->watched);
}

/* The tokens are kept where they can be wiped. */
static void own_proof(struct session *session)
{
    session->proof.reader = session->reader;
    session->proof.watched = session->watched;
    json_decref(session->proof.tokens);
    session->proof.tokens = NULL;
}

void session_open(struct session *session, struct login_proof *proof)
{
    session_input(session, SESSION_LOGIN);
    take_readers(session, proof);
    session->proof = *proof;
    *proof = (struct login_proof){0};
    session->id = random_id();
    session->epoch = sessions_next_epoch(session->agent->sessions);
    practice_recall(session->proof.practice, session->agent->practice_memory,
                    identity_subject(session->proof.holder));
    tokens_take(session->tokens, session->proof.tokens, session->epoch);
    own_proof(session);
    start_clock(session);
    log_info("session opened by %s", session->proof.method);
    sessions_publish(session->agent, "opened", NULL);
}

static void swap_json(json_t **one, json_t **other)
{
    json_t *kept = *one;

    *one = *other;
    *other = kept;
}

/*
 * What was proved last is what is vouched for, and nothing is added up: a session that a card
 * opened and the phone renewed says what the phone proved, while the card goes on watching over it.
 * The provider's part stays as long as its session does, with the time of its own login. Person,
 * practice situation, epoch and id stay.
 */
static void adopt(struct session *session, struct login_proof *proof)
{
    struct login_proof *own = &session->proof;
    char *acr = own->acr;

    own->method = proof->method;
    own->acr = proof->acr;
    proof->acr = acr;
    swap_json(&own->amr, &proof->amr);
    swap_json(&own->card, &proof->card);
    swap_json(&own->revocation, &proof->revocation);
    if (proof->reader != NULL || proof->watched != NULL)
        take_readers(session, proof);
    if (proof->tokens != NULL) {
        swap_json(&own->psc, &proof->psc);
        swap_json(&own->idp, &proof->idp);
        tokens_replace(session->tokens, proof->tokens);
    } else {
        login_proof_date_provider(own);
    }
    own->auth_time_s = proof->auth_time_s;
    own_proof(session);
}

bool session_renew(struct session *session, struct login_proof *proof)
{
    if (login_proof_is_strong(&session->proof) && !login_proof_is_strong(proof)) {
        login_proof_refuse(session->agent, proof);
        return false;
    }
    adopt(session, proof);
    login_proof_done(proof);
    start_clock(session);
    return true;
}

void session_set_revocation(struct session *session, json_t *revocation)
{
    json_decref(session->proof.revocation);
    session->proof.revocation = revocation;
}

bool session_watches(const struct session *session, const char *reader)
{
    const char *ours = session->reader != NULL ? session->reader : session->watched;

    return ours != NULL && strcmp(ours, reader) == 0;
}

void session_touch(struct session *session)
{
    if (session->state == SESSION_OPEN)
        session_clock_touch(&session->clock);
}

struct agent *session_agent(const struct session *session)
{
    return session->agent;
}

void session_look(struct session *session)
{
    session_clock_look(&session->clock);
}

enum session_state session_state(const struct session *session)
{
    return session->state;
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

struct tokens *session_tokens(const struct session *session)
{
    return session->tokens;
}

int64_t session_age_s(const struct session *session)
{
    return (clock_boot_ms() - session->proved_ms) / 1000;
}

int64_t session_locked_s(const struct session *session)
{
    return (clock_boot_ms() - session->locked_ms) / 1000;
}

int64_t session_expires_at_s(const struct session *session)
{
    return session->expires_at_s;
}

const struct login_proof *session_proof(const struct session *session)
{
    return session_is_open(session) ? &session->proof : NULL;
}

const struct login_proof *session_owner_proof(const struct session *session)
{
    return session->state != SESSION_NONE ? &session->proof : NULL;
}

struct session *session_new(struct agent *agent, int64_t epoch)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL)
        return NULL;
    session->agent = agent;
    session->epoch = epoch;
    session->tokens = tokens_new(agent, session);
    if (session->tokens != NULL)
        return session;
    free(session);
    return NULL;
}

void session_free(struct session *session)
{
    if (session == NULL)
        return;
    tokens_free(session->tokens);
    free(session);
}
