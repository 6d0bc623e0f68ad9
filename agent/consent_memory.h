/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people have answered to questions about programs, until they revoke it. An answer is that of
 * a person, known by a keyed hash, and not of the account: on a shared one nobody answers for the
 * next. It is bound to the path of the program: consent, not isolation.
 */
#ifndef AGENT_CONSENT_MEMORY_H
#define AGENT_CONSENT_MEMORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/policy_terms.h"
#include "agent/state_store.h"

#define CONSENT_MEMORY_FILE "consents.json"

/* Answers kept; one more, and the oldest is forgotten. */
#define CONSENT_MEMORY_MAX 512

struct consent_memory;

/* What an answer is about. All borrowed. */
struct consent_about {
    const char *person;  /* keyed hash of who answered */
    const char *program; /* its path */
    const char *origin;  /* the web origin that it spoke for, or NULL */
    enum policy_kind kind;
    const char *audience; /* of the statement or token: "" when there is none */
};

/* Reads the file, once; a damaged one is set aside. store is borrowed. NULL when memory is short.
 */
struct consent_memory *consent_memory_new(const char *state_dir, struct state_store *store);
void consent_memory_free(struct consent_memory *memory);

/* Another number after each change: answers found before are not to be used any more. */
uint64_t consent_memory_generation(const struct consent_memory *memory);

enum policy_answer consent_memory_find(const struct consent_memory *memory,
                                       const struct consent_about *about);

/* The answer holds from now on; the disk follows. */
void consent_memory_add(struct consent_memory *memory, const struct consent_about *about,
                        bool allowed);

/*
 * Forgets the answers with that number (0: any) and about that program or origin (NULL: any); how
 * many. Until the disk has followed they could come back with the agent.
 */
unsigned consent_memory_revoke(struct consent_memory *memory, int64_t id, const char *program);

/* [{id, program, origin?, kind, audience, allowed, at, mine}]; person: who "mine" is of, or NULL.
 */
json_t *consent_memory_json(const struct consent_memory *memory, const char *person);

#endif
