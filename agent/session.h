/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One clinician session: who it is about, how that was proved, and whether its owner is there. Its
 * epoch is in every answer that depends on it and belongs to no other session, so that a program
 * left open by the previous person is told. Which session is at the desk: agent/sessions.h.
 */
#ifndef AGENT_SESSION_H
#define AGENT_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/login_proof.h"
#include "base/fail.h"

/* Longest session, counted from the strong login and not from any refresh of it. */
#define SESSION_MAX_S (4 * 3600)

enum session_state {
    SESSION_NONE,   /* nobody */
    SESSION_OPEN,   /* its owner is at the desk */
    SESSION_LOCKED, /* its owner has to prove again who it is; nothing is vouched for meanwhile */
    SESSION_PARKED, /* locked, and somebody else is at the desk */
    SESSION_STATES
};

enum session_input {
    SESSION_LOGIN,       /* a login succeeded while there was nobody */
    SESSION_UNLOCK,      /* its owner has proved again who it is */
    SESSION_LOCK,        /* a program asks for it */
    SESSION_LOCK_SCREEN, /* the screen was locked, and the configuration says: lock */
    SESSION_PARK,        /* somebody else borrows the desk */
    SESSION_RESUME,      /* who has borrowed the desk is gone */
    SESSION_CLOSERS,     /* all that follow close it */
    SESSION_REPLACED = SESSION_CLOSERS, /* another login took its place */
    SESSION_CARD_REMOVED,               /* the card of the session left its reader */
    SESSION_LOGOUT,
    SESSION_EXPIRED,
    SESSION_IDLE,          /* no program has used it for the time that is allowed */
    SESSION_STOPPED,       /* the agent ends */
    SESSION_BLOCKED,       /* card or holder are on the local block list now */
    SESSION_UNTRUSTED,     /* its authority is not trusted any more */
    SESSION_REVOKED,       /* a newer revocation list names the certificate */
    SESSION_SUSPENDED,     /* the machine sleeps: nothing watches over the card */
    SESSION_BACKGROUND,    /* another user is at the desk: the same */
    SESSION_SCREEN_LOCKED, /* the screen was locked, and the configuration says: close */
    SESSION_INPUTS
};

struct session;
struct tokens;

/* For agent/sessions.c: one that is about nobody yet. NULL when memory is short. */
struct session *session_new(struct agent *agent, int64_t epoch);
void session_free(struct session *session);

/* For agent/sessions.c: opens it, there being nobody. Takes the proof over. */
void session_open(struct session *session, struct login_proof *proof);

/*
 * For agent/sessions.c: its owner has proved again who it is; takes the proof over. What is vouched
 * for is renewed, epoch and id stay. False: it proves less than what is known, and renews nothing.
 */
bool session_renew(struct session *session, struct login_proof *proof);

/*
 * Feeds the state machine; inputs that change nothing are ignored. A session that is closed may be
 * gone afterwards, and another one at the desk (agent->session).
 */
void session_input(struct session *session, enum session_input input);

/* How subscribers and the evidence log call an input. */
const char *session_reason(enum session_input input);

/* A newer source on the revocation of its certificate: {source, as_of}, stolen. */
void session_set_revocation(struct session *session, json_t *revocation);

/* A program uses it now, on behalf of the person at the desk: it goes on. While it is locked
 * nobody is there, and its time runs. */
void session_touch(struct session *session);

/* Looks at the time: what its timer does, for those whose clock is not the machine's. */
void session_look(struct session *session);

/* The card in that reader watches over it: it ends when that leaves. */
bool session_watches(const struct session *session, const char *reader);

/* The PIN of its card is forgotten, unless that card is in next_reader (or NULL). */
void session_leave_card(const struct session *session, const char *next_reader);

struct agent *session_agent(const struct session *session);
enum session_state session_state(const struct session *session);
bool session_is_open(const struct session *session);
int64_t session_epoch(const struct session *session);

/* CPS_OK: its owner is at the desk. NO_SESSION, SESSION_LOCKED. */
cps_error session_check(const struct session *session, struct fail *fail);

/* Compares the optional parameter "epoch" of a request: CPS_OK or CPS_SESSION_CHANGED. */
cps_error session_check_epoch(const struct session *session, const json_t *params,
                              struct fail *fail);

/* That holder (schema Holder) is its owner. Nobody is nobody's owner. */
bool session_is_of(const struct session *session, const json_t *holder);

/*
 * Whether that login gives a locked session back: its owner's, and made since it was locked.
 * OTHER_PERSON, LOGIN_REFUSED ("stale": a provider has let an older login pass for this one).
 */
cps_error session_accepts(const struct session *session, const struct login_proof *proof,
                          struct fail *fail);

/* Whether that login renews an open session: its owner's, as strong, and young enough. NO_SESSION,
 * SESSION_LOCKED, OTHER_PERSON, LOGIN_REFUSED ("weaker", "stale"). */
cps_error session_accepts_step_up(const struct session *session, const struct login_proof *proof,
                                  int64_t max_age_s, struct fail *fail);

/* What may be vouched for: NULL unless it is open. Borrowed. */
const struct login_proof *session_proof(const struct session *session);

/* The same whatever its state: for those who watch over it, not to vouch. NULL: nobody. */
const struct login_proof *session_owner_proof(const struct session *session);

/* NULL: nobody. */
const char *session_id(const struct session *session);

/* The provider's tokens of this session; never NULL. */
struct tokens *session_tokens(const struct session *session);

/* Seconds since the strong login and, when it is locked, since that: whatever became of the
 * machine's clock meanwhile. */
int64_t session_age_s(const struct session *session);
int64_t session_locked_s(const struct session *session);

/* When it ends at the latest, seconds since 1970. */
int64_t session_expires_at_s(const struct session *session);

/* As the API shows it: a new object, null when there is nobody. */
json_t *session_json(const struct session *session);

/* Chooses a practice situation and remembers it; tells subscribers. NO_SESSION, SESSION_LOCKED,
 * CPS_PRACTICE_UNKNOWN: nothing has changed. */
cps_error session_choose_practice(struct session *session, int64_t number, struct fail *fail);

#endif
