/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client of the socket: lines in, lines out, never waiting for either. A client that does not
 * read stops being read; one that lets its notifications pile up is cut off, so that it never takes
 * a stale picture for the present one.
 */
#ifndef AGENT_CONN_H
#define AGENT_CONN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "agent/agent.h"
#include "agent/policy.h"

/* Longest line accepted and longest line sent, newline included. */
#define CONN_LINE_MAX   65536
#define CONN_ANSWER_MAX 262144

/* Unsent bytes above which a client is not read any more, and above which it is cut off. */
#define CONN_BACKLOG_PAUSE CONN_ANSWER_MAX
#define CONN_BACKLOG_MAX   (4 * CONN_ANSWER_MAX)

struct request;

/* What its rule says (agent/access.h), for as long as the generation is the present one. */
struct access {
    uint64_t generation;
    struct policy_rule rule;
    struct policy_rule part; /* of that rule, for the audience last asked for */
    int64_t epoch;           /* the session that "granted" is about … */
    unsigned tokens;         /* … and its tokens */
    unsigned granted;        /* bits of 1 << enum policy_kind: allowed without looking further */
    unsigned refused;        /* the same: refusals that are in the evidence log already */
};

struct conn {
    struct conn *next;
    struct conn **link; /* what points at this one in the server's list */
    struct agent *agent;
    uint32_t watched; /* what is awaited, as bits of epoll */
    int fd;
    pid_t pid;
    char *program; /* path of its executable, or NULL; the next two likewise (agent/peer.h) */
    char *unit;
    char *app;
    char *origin; /* the web origin that it speaks for, or NULL */
    struct access access;
    bool broken; /* shut down: the loop will see its end and free it; nothing is sent any more */
    bool flush_only; /* not read any more: closed when its requests are answered and sent */
    unsigned events; /* subscribed kinds, as bits of enum event_kind */
    unsigned n_requests;
    struct request *requests;
    json_t *display; /* where to ask questions, or NULL */
    bool lines_wait; /* in holds whole lines, whose turn has not come */
    bool gathering;  /* more lines of the same turn follow: answers are kept, sent together */
    char *in;        /* lines that wait, an unfinished line, or NULL */
    size_t in_len;
    char *out; /* what the socket would not take, or NULL */
    size_t out_size;
    size_t out_len;
    size_t out_done;
};

/* Takes the descriptor over. NULL when it cannot be served. */
struct conn *conn_new(struct agent *agent, int fd, pid_t pid);

/* It may be read or written: for the server, which frees it when that shows its end. */
void conn_ready(struct conn *conn, uint32_t revents);

/* Cancels its requests, closes and frees it: for the event loop and the server only. */
void conn_free(struct conn *conn);

/* The last request of a client that has said all it had to say is answered. */
void conn_idle(struct conn *conn);

/*
 * Queues one line made of these parts, newline added. Never frees the connection: one that is dead
 * or beyond its limits is shut down, and ends when the loop sees that.
 */
struct conn_part {
    const char *text;
    size_t len;
};
void conn_send(struct conn *conn, const struct conn_part *parts, size_t n);

/* The same for one JSON value, which is stolen. */
void conn_send_json(struct conn *conn, json_t *message);

#endif
