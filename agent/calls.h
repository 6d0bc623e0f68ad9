/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls that a child has to answer, oldest first: those sent to it, then those that queue. For
 * child.c alone, which sends and ends them.
 */
#ifndef AGENT_CALLS_H
#define AGENT_CALLS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "agent/child.h"

struct call {
    struct call *next;
    struct child *child;
    int64_t id;
    int64_t timeout_ms;
    char *op;
    json_t *params; /* until sent */
    int fd;         /* until sent */
    bool sent;
    bool spared; /* its deadline was noticed late */
    sd_event_source *timer;
    call_done done; /* NULL: forgotten */
    call_progress progress;
    void *user;
};

struct calls {
    struct call *first;
    unsigned n_sent;
    unsigned n;
};

/* Takes the call. */
void calls_append(struct calls *calls, struct call *call);

/* It has been sent, or passes for it. */
void calls_sent(struct calls *calls, struct call *call);

/* The one of that number that was sent, or NULL. */
struct call *calls_find(const struct calls *calls, int64_t id);

/* Takes it off the list and frees it. */
void calls_drop(struct calls *calls, struct call *call);

/* All of them. */
void calls_clear(struct calls *calls);

#endif
