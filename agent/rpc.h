/* SPDX-License-Identifier: Apache-2.0 */
/* JSON-RPC 2.0, one message a line: what is accepted, and the shape of what is sent. */
#ifndef AGENT_RPC_H
#define AGENT_RPC_H

#include <jansson.h>
#include <stddef.h>

#include "agent/conn.h"
#include "base/fail.h"

/* Serves one line, newline taken off. */
void rpc_line(struct conn *conn, const char *line, size_t len);

/* Sends an error object. id: JSON text, or NULL when the request could not be told. */
void rpc_send_error(struct conn *conn, const char *id, const struct fail *fail);

/* Sends a notification; params stays the caller's. */
void rpc_notify(struct conn *conn, const char *method, json_t *params);

#endif
