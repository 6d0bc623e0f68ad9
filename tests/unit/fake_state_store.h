/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in for agent/state_store.c: what is put is on disk at once, and whoever waits for it hears
 * of it when the test says so. Included by one file of a test.
 */
#ifndef FAKE_STATE_STORE_H
#define FAKE_STATE_STORE_H

#include <stdlib.h>

#include "agent/state_file.h"
#include "agent/state_store.h"

struct state_wait {
    state_done *done;
    void *user;
};

/* The directory, and how often something was put. */
struct state_store {
    const char *directory;
    unsigned n_puts;
};

static struct state_wait *fake_waiting; /* or NULL */

void state_store_put(struct state_store *store, const char *name, const void *data, size_t len)
{
    char path[256];
    struct fail fail;

    snprintf(path, sizeof path, "%s/%s", store->directory, name);
    store->n_puts++;
    assert_int_equal(state_file_replace(path, data, len, &fail), CPS_OK);
}

void state_store_put_fd(struct state_store *store, const char *name, int fd)
{
    (void)store;
    (void)name;
    (void)fd;
    fail();
}

struct state_wait *state_store_wait(struct state_store *store, const char *name, state_done *done,
                                    void *user)
{
    (void)store;
    (void)name;
    assert_null(fake_waiting);
    fake_waiting = malloc(sizeof *fake_waiting);
    *fake_waiting = (struct state_wait){done, user};
    return fake_waiting;
}

void state_wait_forget(struct state_wait *wait)
{
    if (wait != NULL)
        fake_waiting = NULL;
    free(wait);
}

json_t *state_store_json(const struct state_store *store)
{
    (void)store;
    return json_object();
}

struct state_store *state_store_new(struct agent *agent)
{
    (void)agent;
    return NULL;
}

void state_store_free(struct state_store *store)
{
    (void)store;
}

/* The disk answers. */
static inline void fake_store_answers(const struct fail *why)
{
    struct state_wait wait = *fake_waiting;

    free(fake_waiting);
    fake_waiting = NULL;
    wait.done(wait.user, why);
}

#endif
