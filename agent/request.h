/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request of a client, from its line to its answer. A handler answers at once or keeps it with
 * request_wait(); it is answered exactly once, at its deadline at the latest.
 */
#ifndef AGENT_REQUEST_H
#define AGENT_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/conn.h"
#include "base/fail.h"

/* Requests under way on one connection. */
#define REQUESTS_MAX 64

/* Longest id, as JSON text. */
#define REQUEST_ID_MAX 128

struct api_method;

struct request {
    struct request *next;
    struct conn *conn;
    char id[REQUEST_ID_MAX]; /* JSON text of the id */
    const struct api_method *method;
    json_t *params;
    int64_t deadline_ms; /* boot time */
    bool interactive;
    sd_event_source *timer;
    void (*on_cancel)(struct request *request, void *user);
    void *user;
};

/* Ends the request with a result, which is stolen. */
void request_reply(struct request *request, json_t *result);

/* Ends it with a result that is JSON text already. */
void request_reply_text(struct request *request, const char *text, size_t len);

/* Ends it with an error. */
void request_fail(struct request *request, const struct fail *fail);

/* Tells the client how it goes: members (stolen) of the "progress" notification. */
void request_progress(struct request *request, json_t *members);

/*
 * The handler will answer later, at its deadline_ms of now at the latest. on_cancel is called when
 * the deadline passes, the client cancels or leaves: the handler drops the request, which is
 * answered and freed right after.
 */
void request_wait(struct request *request, void (*on_cancel)(struct request *request, void *user),
                  void *user);

/* The request under way with that id (JSON text), or NULL. */
struct request *request_find(const struct conn *conn, const char *id);

/* Ends a waiting request from outside its handler. */
void request_abort(struct request *request, const struct fail *fail);

/* A new request of a connection; params is stolen. NULL when memory is short. */
struct request *request_new(struct conn *conn, const char *id, json_t *params);

/* The client is gone: cancels and frees all its requests. */
void requests_abandon(struct conn *conn);

#endif
