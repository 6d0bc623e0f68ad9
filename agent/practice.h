/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The practice situations of the person at the desk: where, and in which sector, the profession is
 * exercised. A session has those of its card or of its provider, and at most one of them is chosen;
 * the structure and the sector that programs get are always those of one situation.
 */
#ifndef AGENT_PRACTICE_H
#define AGENT_PRACTICE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/practice_memory.h"
#include "base/fail.h"

/* Situations kept of one person. */
#define PRACTICE_MAX 32

struct practice;

/* The op "situations" of cardop: its result, or NULL and why. Odd members are left out. */
struct practice *practice_from_card(const json_t *result, const struct fail *fail);

/* The activities of a UserInfo, numbered from 1 in the order of the provider. */
struct practice *practice_from_userinfo(const json_t *userinfo);

void practice_free(struct practice *practice);

/* Chooses the only one, else the one that this person (or NULL) chose before; else none. */
void practice_recall(struct practice *practice, const struct practice_memory *memory,
                     const char *subject);

/* Chooses by number. CPS_PRACTICE_UNKNOWN: there is no such situation, nothing has changed. */
cps_error practice_choose(struct practice *practice, int64_t number, struct fail *fail);

/* The situation chosen is the one that this person will find chosen next time. */
bool practice_is_remembered(const struct practice *practice, const struct practice_memory *memory,
                            const char *subject);

/* What practice_memory keeps of the situation chosen; NULL when none is. The caller frees it. */
char *practice_fingerprint(const struct practice *practice);

/* The situation chosen (schema Practice, without raw): a new object, null when none is. */
json_t *practice_chosen(const struct practice *practice);

/* There are several and none is chosen. */
bool practice_choice_needed(const struct practice *practice);

/* Schema PracticeState. practice may be NULL: a login that knows of no situation. */
json_t *practice_json(const struct practice *practice);

#endif
