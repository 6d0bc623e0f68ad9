/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the evidence log says of each kind of event: members, all of them optional but the first.
 * Persons are named by "person", a keyed hash of the national identifier, cards by "serial_hash".
 */
#ifndef AGENT_EVIDENCE_EVENTS_H
#define AGENT_EVIDENCE_EVENTS_H

#include <stdbool.h>

#include "agent/agent.h"
#include "agent/conn.h"
#include "agent/session.h"
#include "base/fail.h"

/* "start" with the public statement key, signed at once; "stop". */
void evidence_agent_started(struct agent *agent);
void evidence_agent_stopped(struct agent *agent);

/* "login": one that ended, well (fail is NULL; the session is open) or not. */
void evidence_login_ended(struct agent *agent, const char *method, int64_t duration_ms,
                          const struct fail *fail);

/* "session_closed", before what it knew is forgotten. */
void evidence_session_closed(struct agent *agent, const char *reason);

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

/* "key_rotated", with the new key. */
void evidence_key_rotated(struct agent *agent);

#endif
