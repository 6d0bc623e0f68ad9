/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The children of the agent: each is started with a packet channel on its descriptor 3, watched by
 * a pidfd, called with deadlines and killed when it lets one pass. Nothing here ever waits.
 */
#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "base/fail.h"

struct child;
struct call;

/* The result (borrowed), or NULL and why. Called exactly once unless the call was forgotten. */
typedef void (*call_done)(void *user, json_t *result, const struct fail *fail);
typedef void (*call_progress)(void *user, json_t *progress);

struct child_class {
    const char *program;     /* file name in the libexec directory */
    const char *const *args; /* options, NULL-terminated, or NULL */
    unsigned in_flight;      /* calls sent before the first is answered; others queue, in order */
    void (*on_event)(void *user, const char *name, json_t *event); /* may be NULL */
    /* The process is gone and its calls have failed; free or restart the child here. */
    void (*on_exit)(void *user);
};

/*
 * Starts a child. NULL and fail when it cannot be started. The class and user must outlive it.
 */
struct child *child_start(struct agent *agent, const struct child_class *class, void *user,
                          struct fail *fail);

/* Kills the process: the loop then fails its calls and calls on_exit. */
void child_kill(struct child *child, const char *why);

/* Ends the process if it lives; calls pending are dropped without a word. NULL is fine. */
void child_free(struct child *child);

/* The same, and the calls pending fail with this reason. */
void child_end(struct child *child, const struct fail *fail);

/*
 * When the agent ends and its event loop is over: child_post() sends a request whose answer nobody
 * will wait for (params is stolen, pass_fd as below), child_finish() lets the process do what it
 * was sent, waits for its end, timeout_ms at most, logs what it could not do and frees the child
 * (NULL is fine). False: it has not ended.
 */
void child_post(struct child *child, const char *op, json_t *params, int pass_fd);
bool child_finish(struct child *child, int timeout_ms);

/*
 * Sends a request; params is stolen, pass_fd (or -1) is duplicated at once. timeout_ms counts from
 * the moment the child is free to take it. Failure to send comes back through done, later.
 */
struct call *child_call(struct child *child, const char *op, json_t *params, int pass_fd,
                        int64_t timeout_ms, call_done done, call_progress progress, void *user);

/*
 * The caller has lost interest: its functions are not called any more, and a call that still queues
 * is not made. True: the child has it, and may be told to give it up. NULL is fine.
 */
bool call_forget(struct call *call);

/* The same, but done is told, once, what became of a call that the child has. */
bool call_hand_over(struct call *call, call_done done, void *user);

/* The number of a call in its packets, for the "cancel" op. */
int64_t call_id(const struct call *call);

/* All processes started and not yet reaped; freeing it kills them. */
struct children *children_new(void);
void children_free(struct children *children);

#endif
