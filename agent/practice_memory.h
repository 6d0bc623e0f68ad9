/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which practice situation each person chose last on this station. Nothing can be read in it: it
 * holds hashes under the key of the station, of the identifier and of the situation. It is a
 * convenience: a file that is damaged or cannot be written only means that people choose again.
 */
#ifndef AGENT_PRACTICE_MEMORY_H
#define AGENT_PRACTICE_MEMORY_H

#include <stdbool.h>

#include "agent/keys.h"
#include "agent/state_store.h"

#define PRACTICE_MEMORY_FILE "practice-choices"

/* People remembered; one more, and the one who chose longest ago is forgotten. */
#define PRACTICE_MEMORY_MAX 256

struct practice_memory;

/* Reads the file, once. store and keys are borrowed. NULL when memory is short. */
struct practice_memory *practice_memory_new(const char *state_dir, struct state_store *store,
                                            const struct keys *keys);
void practice_memory_free(struct practice_memory *memory);

/* Whether this is what the person chose last. Any of them may be NULL: no. */
bool practice_memory_holds(const struct practice_memory *memory, const char *subject,
                           const char *situation);

/* Remembers a choice, from now on; the disk follows. Nothing, when one of them is NULL. */
void practice_memory_set(struct practice_memory *memory, const char *subject,
                         const char *situation);

/* Forgets the person; false: nothing was known. */
bool practice_memory_forget(struct practice_memory *memory, const char *subject);

#endif
