/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/flight.h"

#include <stddef.h>

static void insert(struct waiter **link, struct waiter *waiter)
{
    waiter->next = *link;
    waiter->link = link;
    if (waiter->next != NULL)
        waiter->next->link = &waiter->next;
    *link = waiter;
}

void flight_join(struct flight *flight, struct waiter *waiter, flight_done_fn *done, void *user)
{
    struct waiter **end = &flight->waiters;

    waiter_leave(waiter);
    while (*end != NULL)
        end = &(*end)->next;
    waiter->done = done;
    waiter->user = user;
    insert(end, waiter);
}

void waiter_leave(struct waiter *waiter)
{
    if (waiter->link == NULL)
        return;
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    waiter->next = NULL;
    waiter->link = NULL;
}

void flight_land(struct flight *flight, const struct fail *fail)
{
    /* Off the flight first: one that joins from a callback waits for the next landing. */
    struct waiter *landed = flight->waiters;

    flight->waiters = NULL;
    if (landed != NULL)
        landed->link = &landed;
    while (landed != NULL) {
        struct waiter *waiter = landed;

        waiter_leave(waiter);
        waiter->done(waiter->user, fail);
    }
}
