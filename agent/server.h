/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket: who may connect, and the list of those who have. The boundary is the uid
 * given by the kernel; modes 0700 and 0600 of the directory and of the socket come first.
 */
#ifndef AGENT_SERVER_H
#define AGENT_SERVER_H

#include <jansson.h>

#include "agent/agent.h"
#include "base/fail.h"

/* Connections served at once. */
#define SERVER_CONNS_MAX 4096

struct server;
struct conn;

/* Kinds of event a client may subscribe to; the names are those of the API. */
enum event_kind {
    EVENT_READER,
    EVENT_CARD,
    EVENT_SESSION,
    EVENT_DESKTOP,
    EVENT_HEALTH,
    EVENT_KINDS
};
extern const char *const event_names[EVENT_KINDS];

/*
 * Listens on options.socket_path, or on the one socket that systemd passed. NULL and fail when
 * that cannot be; another agent that answers on the path is such a case.
 */
struct server *server_new(struct agent *agent, struct fail *fail);
void server_free(struct server *server);

/* Has the loop call conn_ready() for what conn->watched says; operation: one of EPOLL_CTL_… */
int server_watch(struct server *server, struct conn *conn, int operation);

/* Takes a connection off the list; it is freed by its caller. */
void server_forget(struct server *server, struct conn *conn);

/* Sends the notification "event.<name>" to its subscribers; params is stolen. */
void server_publish(struct server *server, enum event_kind kind, json_t *params);

#endif
