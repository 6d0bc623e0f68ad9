/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counter-signature of a login statement: a second JWS (RS256, typ COUNTERSIGN_TYP), made by
 * the authentication key of the card of the session, with its certificate in x5c. Its payload holds
 * the hash of the statement, its audience and its nonce: the card signs a text that is made here,
 * that says what it is for, and never bytes that a program chose.
 */
#ifndef AGENT_COUNTERSIGN_H
#define AGENT_COUNTERSIGN_H

#include "agent/agent.h"
#include "agent/request.h"

#define COUNTERSIGN_TYP "cps-counter-signature+jwt"

/* Time for a PIN to be typed, where the caller gives no deadline. */
#define COUNTERSIGN_DEADLINE_MS 90000

/* Answers statement.get with counter_sign: later, as the PIN may have to be asked. */
void countersign_statement(struct agent *agent, struct request *request);

#endif
