/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the evidence log says of each kind of event: members, all of them optional but the first.
 * Persons are named by "person", a keyed hash of the national identifier, cards by "serial_hash".
 */
#ifndef AGENT_EVIDENCE_EVENTS_H
#define AGENT_EVIDENCE_EVENTS_H

#include <stdbool.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/conn.h"
#include "agent/session.h"
#include "base/fail.h"

/* "start" with the public statement key, signed at once; "stop". */
void evidence_agent_started(struct agent *agent);
void evidence_agent_stopped(struct agent *agent);

/* "login", "unlock" or "step_up": one that ended, well (fail is NULL; the session is open) or not.
 */
void evidence_login_ended(struct agent *agent, const char *event, const char *method,
                          int64_t duration_ms, const struct fail *fail);

/* "session_closed", before what it knew is forgotten. */
void evidence_session_closed(struct agent *agent, const struct session *session,
                             const char *reason);

/* "lock", "parked" or "resumed": its owner is not at the desk, or may come back to it. */
void evidence_session_moved(struct agent *agent, const struct session *session, const char *event,
                            const char *reason);

/* "practice": a practice situation was chosen. */
void evidence_practice_chosen(struct agent *agent);

/* "statement": one was given to a program, or refused to it; with the card's counter-signature. */
void evidence_statement(struct agent *agent, const struct conn *conn, const char *audience,
                        bool counter_signed, const struct fail *fail);

/*
 * "token": a kind of token given to a program for the first time in a session; how often after that
 * is in "token_count", now and then (agent/token_counts.h) and when the session ends.
 */
void evidence_token(struct agent *agent, const struct conn *conn, enum token_kind kind);
void evidence_tokens_counted(struct agent *agent);

/*
 * "pin": the PIN of a card was changed or unblocked, or was not. Who asked, and on which card, is
 * taken down while the card is still there; the members are stolen at the end.
 */
json_t *evidence_pin_begun(const struct agent *agent, const struct conn *conn,
                           const struct card *card, const char *operation);
void evidence_pin_ended(struct agent *agent, json_t *begun, const struct fail *fail);

/* "refresh": the provider would not renew the tokens of a session, or could not be asked. */
void evidence_refresh_failed(struct agent *agent, const struct session *session,
                             const char *provider, const struct fail *fail);

/* "logout": what became of the session at the provider, once it is known. */
void evidence_provider_logout(struct agent *agent, const char *provider, bool ended, int tries);

/*
 * "refused": something that was asked for in the name of the person and not given. Of each kind the
 * first on a connection, until rules or answers change. A statement's is a "statement" instead.
 */
void evidence_refused(struct agent *agent, struct conn *conn, enum policy_kind kind,
                      const char *audience, const struct fail *fail);

/* "consent": what the person at the desk has answered about a program. */
void evidence_consent(struct agent *agent, const struct conn *conn, enum policy_kind kind,
                      const char *audience, const char *result);

/* "consent_revoked": so many answers, through this program. */
void evidence_consent_revoked(struct agent *agent, const struct conn *conn, unsigned count);

/* "exchange": a token of an API was given to a program; or, without conn, could not be had. */
void evidence_exchange(struct agent *agent, const struct conn *conn, const char *api,
                       const struct fail *fail);

/* "key_rotated", with the new key. */
void evidence_key_rotated(struct agent *agent);

#endif
