/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One piece of work that several requests wait for: discovery, keys, a token refresh. The work
 * goes on when a waiter leaves: its outcome serves the next one (a rotated refresh token must not
 * be lost because its first caller gave up).
 */
#ifndef OIDC_FLIGHT_H
#define OIDC_FLIGHT_H

#include <stdbool.h>

#include "base/fail.h"

/* fail: NULL when the work succeeded. */
typedef void flight_done_fn(void *user, const struct fail *fail);

/* Embedded in what waits. Zeroed: waits for nothing. */
struct waiter {
    struct waiter *next;
    struct waiter **link; /* what points at this waiter, NULL when it waits for nothing */
    flight_done_fn *done;
    void *user;
};

/* Embedded in what is worked on. Zeroed: on the ground. */
struct flight {
    struct waiter *waiters;
    struct http_call *call; /* the request under way, NULL on the ground */
};

/* done is called once, from the event loop, when the flight lands; not after waiter_leave. */
void flight_join(struct flight *flight, struct waiter *waiter, flight_done_fn *done, void *user);

/* Safe at any time, and on a zeroed waiter. */
void waiter_leave(struct waiter *waiter);

/* Calls the waiters there are now. A callee may join or leave any flight, this one included. */
void flight_land(struct flight *flight, const struct fail *fail);

#endif
