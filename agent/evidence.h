/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence log: who logged in, how strongly, what was vouched for to whom, one line an event,
 * chained and signed (agent/evidence/chain.h). Never in it: a PIN, a token, a name or identifier of
 * a person in clear. The agent makes the lines; cps-evidence writes them, and nobody waits for it.
 */
#ifndef AGENT_EVIDENCE_H
#define AGENT_EVIDENCE_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "base/fail.h"

struct evidence;

/* NULL and CPS_CONFIGURATION when its settings make no sense, CPS_INTERNAL without memory. */
struct evidence *evidence_new(struct agent *agent, struct fail *fail);

/* The event loop is over: what is added from now on waits for evidence_free(). NULL is fine. */
void evidence_hold(struct evidence *evidence);

/* Signs and hands over what is left, and waits a moment for it to be on disk. */
void evidence_free(struct evidence *evidence);

/* Starts the process that writes; events told before are kept for it. */
void evidence_start(struct evidence *evidence);

/*
 * Adds one event: event is a lower-case name, members (stolen, may be NULL) what is known of it.
 * The time, the station and the chain are added here. Without a log (NULL) nothing is recorded.
 */
void evidence_add(struct evidence *evidence, const char *event, json_t *members);

/* Signs all lines so far. It is done by itself too, every so many lines and minutes. */
void evidence_checkpoint(struct evidence *evidence);

/*
 * Whether a login may go on: CPS_STORAGE when the log cannot be written and the administrator chose
 * that logins stop then.
 */
cps_error evidence_permits(const struct evidence *evidence, struct fail *fail);

/* As "status" shows it. */
json_t *evidence_json(const struct evidence *evidence);

#endif
