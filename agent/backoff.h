/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting longer and longer before trying again: 1, 2, 4 … 60 seconds. */
#ifndef AGENT_BACKOFF_H
#define AGENT_BACKOFF_H

#include <systemd/sd-event.h>

#define BACKOFF_FIRST_MS 1000
#define BACKOFF_MAX_MS   60000

struct backoff {
    sd_event_source *timer;
    unsigned failures; /* in a row */
    void (*retry)(void *user);
    void *user;
};

/* Calls retry after the delay that the failures in a row deserve. */
void backoff_failed(struct backoff *backoff, sd_event *event, void (*retry)(void *user),
                    void *user);

/* It works: the next failure waits the shortest delay again. */
void backoff_worked(struct backoff *backoff);

/* Drops a retry that is due. */
void backoff_done(struct backoff *backoff);

#endif
