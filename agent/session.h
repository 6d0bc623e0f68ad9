/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clinician session: who is at the desk. At most one is open; its epoch is in every answer that
 * depends on it and never comes back, so that a program left open by the previous person is told.
 */
#ifndef AGENT_SESSION_H
#define AGENT_SESSION_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/practice.h"
#include "base/fail.h"

/* Longest session, counted from the strong login and not from any refresh of it. */
#define SESSION_MAX_S (4 * 3600)

enum session_state { SESSION_NONE, SESSION_OPEN, SESSION_STATES };

enum session_input {
    SESSION_LOGIN,        /* a login succeeded */
    SESSION_CARD_REMOVED, /* the card of the session left its reader */
    SESSION_LOGOUT,
    SESSION_EXPIRED,
    SESSION_IDLE,       /* no program has used it for the time that is allowed */
    SESSION_STOPPED,    /* the agent ends */
    SESSION_BLOCKED,    /* card or holder are on the local block list now */
    SESSION_UNTRUSTED,  /* its authority is not trusted any more */
    SESSION_REVOKED,    /* a newer revocation list names the certificate */
    SESSION_SUSPENDED,  /* the machine sleeps: nothing watches over the card */
    SESSION_BACKGROUND, /* another user is at the desk: the same */
    SESSION_LOCKED,     /* the screen was locked, and the configuration says so */
    SESSION_INPUTS
};

/* What a login proved; session_open() takes the objects over. */
struct login_proof {
    const char *method; /* "card", "ecps", "browser", "proxy": static */
    json_t *amr;        /* RFC 8176, only what happened */
    char *acr;          /* or NULL */
    int64_t auth_time_s;
    json_t *holder;
    json_t *card;        /* {reader, family, issuer, serial_hash}, or NULL */
    json_t *revocation;  /* {source, as_of} of the card's certificate, or NULL */
    json_t *psc;         /* {provider, issuer, subject_name_id, acr, auth_mode}, or NULL */
    json_t *idp;         /* of any other provider: {provider, issuer, sub, acr, amr}, or NULL */
    const char *reader;  /* its card is in that reader; NULL: no card watches over the session */
    const char *watched; /* a reader whose card closes the session when it leaves, though it has
                            proved nothing; or NULL */
    json_t *tokens;      /* answer of oidcd to the login, or NULL */
    struct practice *practice; /* or NULL: this kind of login knows of no situation */
};

struct session;

/* Frees what it holds. */
void login_proof_done(struct login_proof *proof);

struct session *session_new(struct agent *agent);
void session_free(struct session *session);

/* Opens a session; one that is open is closed as "replaced" first. */
void session_open(struct session *session, struct login_proof *proof);

/* A newer source on the revocation of its certificate: {source, as_of}, stolen. */
void session_set_revocation(struct session *session, json_t *revocation);

/* Feeds the state machine; inputs that change nothing are ignored. */
void session_input(struct session *session, enum session_input input);

/* A program uses it now, on behalf of the person at the desk: it goes on. */
void session_touch(struct session *session);

/* The card of that reader is gone. */
void session_card_removed(struct session *session, const char *reader);

bool session_is_open(const struct session *session);
int64_t session_epoch(const struct session *session);

/* As the API shows it: a new object, null when there is none. */
json_t *session_json(const struct session *session);

/* Borrowed; NULL when no session is open. */
const struct login_proof *session_proof(const struct session *session);
const char *session_id(const struct session *session);

/* Chooses a practice situation and remembers it; tells subscribers. CPS_NO_SESSION,
 * CPS_PRACTICE_UNKNOWN: nothing has changed. */
cps_error session_choose_practice(struct session *session, int64_t number, struct fail *fail);

/* Compares the optional parameter "epoch" of a request: CPS_OK or CPS_SESSION_CHANGED. */
cps_error session_check_epoch(const struct session *session, const json_t *params,
                              struct fail *fail);

#endif
