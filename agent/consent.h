/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the person at the desk about what a program asks for in their name. Whoever needs
 * the same answer waits for one question; a yes and a no are remembered, a question that is closed
 * is a no for this once.
 */
#ifndef AGENT_CONSENT_H
#define AGENT_CONSENT_H

#include <jansson.h>

#include "agent/access.h"
#include "agent/policy.h"
#include "agent/request.h"

/* Questions that wait for an answer at once: of one program, of all. */
#define CONSENT_QUESTIONS_OF_ONE 4
#define CONSENT_QUESTIONS_MAX    16

/* Time to answer, where the caller gives no deadline. */
#define CONSENT_DEADLINE_MS 90000

struct consents;

struct consents *consents_new(struct agent *agent);
void consents_free(struct consents *consents);

/* [policy] unknown. */
enum policy_unknown consents_unknown(const struct consents *consents);

/* Another number after each change of the answers. */
uint64_t consents_generation(const struct consents *consents);

/*
 * For access_request() alone: an answer that is remembered, or a question. unknown: no rule answers
 * it, and the answer is remembered; else the rule wants a question each time.
 */
void consent_need(struct agent *agent, struct request *request, enum policy_kind kind,
                  const char *audience, bool unknown, access_granted granted);

/*
 * The owner of the session of that epoch has left the desk: its questions are taken off the screen,
 * who waits gets that error.
 */
void consents_end(struct consents *consents, int64_t epoch, cps_error code);

/* The answers, as in consent_memory_json(); those of the person at the desk are "mine". */
json_t *consents_json(struct consents *consents);

/* As consent_memory_revoke(). */
unsigned consents_revoke(struct consents *consents, int64_t id, const char *program);

/* What is remembered for the person at the desk; POLICY_SILENT: nothing. */
enum policy_answer consents_recall(struct consents *consents, const char *program,
                                   const char *origin, enum policy_kind kind, const char *audience);

#endif
