/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that wait for one thing. Whoever gives up leaves the list, the others are taken off it.
 */
#ifndef AGENT_WAITERS_H
#define AGENT_WAITERS_H

#include "agent/request.h"

struct waiter;

/* The list must outlive its waiters. NULL: it is empty. */
struct waiters {
    struct waiter *first;
};

/* Has the request wait, and remembers which kind of the thing it wants. */
void waiters_add(struct waiters *waiters, struct request *request, int kind);

/* The next of them, not waiting any more, and what it wanted (ret_kind may be NULL). NULL: none. */
struct request *waiters_take(struct waiters *waiters, int *ret_kind);

#endif
