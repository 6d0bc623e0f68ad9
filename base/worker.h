/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The child's side of the channel to the agent: start, requests in, replies and events out.
 * A worker lives and dies with its channel: end of file or a malformed packet ends the process.
 */
#ifndef BASE_WORKER_H
#define BASE_WORKER_H

#include <jansson.h>
#include <stdint.h>

#include "base/fail.h"

/* The descriptor on which the agent gives the channel. */
#define WORKER_CHANNEL_FD 3

/* Version of the packets; the first packet of a worker carries it, a mismatch is fatal to it. */
#define WORKER_PROTOCOL 1

struct worker_request {
    int64_t id;
    const char *op;       /* borrowed from json */
    const json_t *params; /* borrowed from json; an object */
    int64_t deadline_ms;  /* boot time */
    int fd;               /* the descriptor passed along, or -1 */
    json_t *json;
};

/* Releases what a request holds. */
void worker_request_done(struct worker_request *request);

#define WORKER_REQUEST_INIT                                                                        \
    {                                                                                              \
        .fd = -1                                                                                   \
    }
#define AUTO_REQUEST __attribute__((cleanup(worker_request_done)))

/*
 * Sets up logging, dies with the parent, confines the process (rights: base/confine.h) and says
 * hello. Call it before any other thing; descriptors above the channel are closed.
 */
void worker_init(const char *process, unsigned rights);

/*
 * For a worker that has the last word to write down: it outlives the signals that a terminal or a
 * service manager sends to the agent and to all its children at once. The agent ends it.
 */
void worker_ends_with_agent(void);

/*
 * Waits for the next request (or, on a non-blocking channel, takes one if there is one). Returns 1
 * with the request, 0 when there is none yet. Ends the process when the channel is closed or
 * broken.
 */
int worker_next(struct worker_request *ret_request);

/* Sends {"id", "result"}; steals result. A dead channel ends the process. */
void worker_reply(int64_t id, json_t *result);

/* Sends {"id", "error"}. */
void worker_fail(int64_t id, const struct fail *fail);

/* Sends {"id", "progress"}: something to tell the caller of a request under way; steals it. */
void worker_progress(int64_t id, json_t *progress);

/* Sends {"event": name, …}; steals members, which may be NULL. */
void worker_event(const char *name, json_t *members);

#endif
