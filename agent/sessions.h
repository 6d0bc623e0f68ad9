/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sessions of this station: one at the desk, and those that wait for their owners because
 * somebody else has borrowed it ([session] borrow = park). Each has its own tokens, practice
 * situation, clocks and epoch; one that is parked is shown to nobody, and comes back locked.
 */
#ifndef AGENT_SESSIONS_H
#define AGENT_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/session.h"

/* Sessions that wait at once. One more closes the one that has waited longest. */
#define SESSIONS_PARKED_MAX 4

struct sessions;

/* Sets agent->session, the one at the desk: never NULL, and only this file changes it. */
struct sessions *sessions_new(struct agent *agent);

/* Closes what is left as "stopped". */
void sessions_free(struct sessions *sessions);

/* The agent stops: all are closed. */
void sessions_stop(struct sessions *sessions);

/* What came of a login. */
enum sessions_outcome { SESSIONS_OPENED, SESSIONS_UNLOCKED };

/*
 * Somebody has logged in: takes the proof over. Their locked or parked session is theirs again;
 * otherwise a new one is opened, and that of somebody else is parked or closed as "replaced".
 * LOGIN_REFUSED, as session_accepts(): nothing has changed, and the proof is still the caller's.
 */
cps_error sessions_login(struct sessions *sessions, struct login_proof *proof,
                         enum sessions_outcome *ret_outcome, struct fail *fail);

/*
 * Somebody has proved who they are to unlock the session of that epoch. SESSION_CHANGED, or as
 * session_accepts(): nothing has changed, and the proof is still the caller's.
 */
cps_error sessions_unlock(struct sessions *sessions, int64_t epoch, struct login_proof *proof,
                          struct fail *fail);

/* The same to renew the open session of that epoch; as session_accepts_step_up(). */
cps_error sessions_step_up(struct sessions *sessions, int64_t epoch, int64_t max_age_s,
                           struct login_proof *proof, struct fail *fail);

/* Some session waits for its owner: a login must be one of now. */
bool sessions_await_owner(const struct sessions *sessions);

/* The card of that reader is gone: the sessions that it watches over are closed. */
void sessions_card_removed(struct sessions *sessions, const char *reader);

/* Visits all that are about somebody; visit may close the one it gets. */
void sessions_visit(struct sessions *sessions, void (*visit)(struct session *session, void *user),
                    void *user);

/* How many are parked. */
unsigned sessions_parked(const struct sessions *sessions);

/* Tells the subscribers of "session" what has changed and what is at the desk now; reason may be
 * NULL. Of a session that is about to end: when. */
void sessions_publish(const struct agent *agent, const char *change, const char *reason);
void sessions_publish_ending(const struct agent *agent, const char *reason, int64_t ends_at_s);

/* For agent/session.c: a number that no session had. */
int64_t sessions_next_epoch(struct sessions *sessions);

/* For agent/session.c: one has just been closed. It may be gone afterwards. */
void sessions_closed(struct sessions *sessions, struct session *session, enum session_input why);

#endif
