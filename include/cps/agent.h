/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Client library of cps-agent: one connection, calls in JSON text, everything bounded in time.
 *
 * Methods, parameters and results are those of docs/api/reference.md. A connection belongs to one
 * thread at a time; the library starts no thread and keeps no global state. Texts are UTF-8 and
 * NUL-terminated; times are milliseconds. The library never prints and never exits.
 *
 * On failure a function returns an error and leaves its outputs (ret_…) untouched.
 */
#ifndef CPS_AGENT_H
#define CPS_AGENT_H

#include <cps/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the protocol spoken by this library. */
#define CPS_AGENT_PROTOCOL 1

/* Timeouts that suit a call served from memory, and one that waits for a person. */
#define CPS_AGENT_TIMEOUT_MS       10000
#define CPS_AGENT_LOGIN_TIMEOUT_MS 180000
#define CPS_AGENT_PIN_TIMEOUT_MS   330000

/* Longest timeout accepted by any function. */
#define CPS_AGENT_TIMEOUT_MAX_MS 600000

typedef struct cps_agent cps_agent;

/*
 * Connects. socket_path NULL: the environment variable CPS_AGENT_SOCK if set, else
 * $XDG_RUNTIME_DIR/cps-agent/agent.sock, else /run/user/UID/cps-agent/agent.sock.
 * Errors: AGENT_UNAVAILABLE, INVALID_PARAMS (path too long), INTERNAL (no memory).
 * Free the connection with cps_agent_free.
 */
cps_error cps_agent_connect(const char *socket_path, int timeout_ms, cps_agent **ret_agent);

/* Closes; the agent cancels what was under way. NULL is fine. */
void cps_agent_free(cps_agent *agent);

/*
 * The first exchange of a connection, if it wants one: says who calls (program, version; for people
 * only) and on which screen or terminal questions should appear, from the environment of this
 * process.
 */
cps_error cps_agent_hello(cps_agent *agent, const char *program, const char *version,
                          int timeout_ms);

/*
 * Calls a method and waits for its answer, delivering notifications meanwhile. params: text of a
 * JSON object, or NULL. The timeout is also sent as deadline_ms when params has none, so the agent
 * answers by then. *ret_result: text of the result, one JSON value; free it with free(). May be
 * NULL when it is of no interest.
 * Errors: those of the method; AGENT_UNAVAILABLE when the connection is lost (make a new one);
 * DEADLINE_EXCEEDED; CANCELLED.
 */
cps_error cps_agent_call(cps_agent *agent, const char *method, const char *params, int timeout_ms,
                         char **ret_result);

/*
 * Details of the last failed call of this connection: text of a JSON object, the shape "Error" of
 * the API reference (name, messages, advice, causes, tries_left, reason). Never NULL; borrowed, and
 * valid until the next call.
 */
const char *cps_agent_failure(const cps_agent *agent);

/*
 * Where notifications go: method is "progress" or "event.…", params the text of a JSON object, both
 * valid during the call only. NULL drops them. The function must not use the connection.
 */
typedef void (*cps_agent_notify)(void *user, const char *method, const char *params);
void cps_agent_on_notification(cps_agent *agent, cps_agent_notify notify, void *user);

/* Called about every second while a call waits, to refresh what the user sees; NULL: nothing. */
typedef void (*cps_agent_tick)(void *user);
void cps_agent_on_tick(cps_agent *agent, cps_agent_tick tick, void *user);

/*
 * Waits for notifications, after a call to "subscribe". CPS_OK: at least one was delivered;
 * DEADLINE_EXCEEDED: none came; CANCELLED; AGENT_UNAVAILABLE.
 */
cps_error cps_agent_wait(cps_agent *agent, int timeout_ms);

/*
 * A descriptor, such as a signalfd, that interrupts a call when it becomes readable: the request is
 * then cancelled at the agent and the call returns CANCELLED (or the answer, when it was faster).
 * The library does not read it. -1: none.
 */
void cps_agent_set_cancel_fd(cps_agent *agent, int fd);

/* The socket, to be watched for reading by an event loop before cps_agent_wait. */
int cps_agent_fd(const cps_agent *agent);

#ifdef __cplusplus
}
#endif

#endif
