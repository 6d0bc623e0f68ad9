/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the module to the agent: one request at a time, each bounded in time. The
 * module lives in other people's processes: no thread, no signal, every descriptor close-on-exec.
 */
#ifndef PROVIDER_LINK_H
#define PROVIDER_LINK_H

#include <cps/error.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* How much later than asked the agent's own answer may come. */
#define LINK_GRACE_MS 1000

struct link;

/* Connects to the agent and greets it. CPS_AGENT_UNAVAILABLE: nobody is there. */
cps_error link_open(int timeout_ms, struct link **ret_link);
void link_free(struct link *link);

/*
 * Calls a method. params: JSON text of the members of the object, without braces; "deadline_ms" is
 * added. The agent's error as it is, CPS_AGENT_UNAVAILABLE when the connection is of no use any
 * more, CPS_DEADLINE_EXCEEDED from here when nothing came in time: it is then of no use either.
 * ret_result may be NULL.
 */
cps_error link_call(struct link *link, const char *method, const char *params, int timeout_ms,
                    json_t **ret_result);

/* False: free it. */
bool link_is_usable(const struct link *link);

/* Without waiting: 1, notifications have come; 0, none; -1, the connection is lost. */
int link_news(struct link *link);

/* In the child of a fork: the connections are the parent's. */
void links_close_in_child(void);

#endif
