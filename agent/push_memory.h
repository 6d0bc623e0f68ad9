/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file in which the pushes of the last hour outlive the agent: when, and the keyed hash of
 * whose phone. Times are those of the boot-time clock; after another start of the machine they are
 * moved by what the wall clock says has passed, which is never less than nothing.
 */
#ifndef AGENT_PUSH_MEMORY_H
#define AGENT_PUSH_MEMORY_H

#include <jansson.h>

#include "agent/state_store.h"

#define PUSH_MEMORY_FILE "pushes.json"

/* [{person, at_ms: […]}], times of the present clock in their order; a damaged file is set aside.
 */
json_t *push_memory_load(const char *state_dir);

/* people: the same, stolen. The disk follows. */
void push_memory_save(struct state_store *store, json_t *people);

#endif
