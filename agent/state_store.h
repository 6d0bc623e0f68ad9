/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small files that the agent keeps in its state directory, once it runs: it says what a file is
 * to hold, and cps-state, a process that may wait for the disk, writes it. Of what a file was to
 * hold only the last counts. What cannot be written is kept and tried again, until the agent ends.
 */
#ifndef AGENT_STATE_STORE_H
#define AGENT_STATE_STORE_H

#include <jansson.h>
#include <stddef.h>

#include "agent/agent.h"
#include "base/fail.h"

/* Files known at a time, and the longest name. */
#define STATE_FILES_MAX 32
#define STATE_NAME_MAX  96

struct state_store;
struct state_wait;

/* NULL: no memory. Nothing is read nor written yet. */
struct state_store *state_store_new(struct agent *agent);

/* Writes what is left, and waits a moment for it. Whoever waited for a file is gone. */
void state_store_free(struct state_store *store);

/*
 * The file of that name is to hold these bytes, which are copied. The name may have one directory
 * in it, which is made; the file is mode 0600.
 */
void state_store_put(struct state_store *store, const char *name, const void *data, size_t len);

/* The same of what a memfd holds; it stays the caller's. */
void state_store_put_fd(struct state_store *store, const char *name, int fd);

/*
 * Right after a put: calls done, later and once, when what was put last is on disk (fail NULL), or
 * when it could not be written: it is then tried again all the same.
 */
typedef void state_done(void *user, const struct fail *fail);
struct state_wait *state_store_wait(struct state_store *store, const char *name, state_done *done,
                                    void *user);

/* The caller has lost interest. NULL is fine. */
void state_wait_forget(struct state_wait *wait);

/* As "status" shows it. */
json_t *state_store_json(const struct state_store *store);

#endif
