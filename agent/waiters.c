/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/waiters.h"

#include <stdlib.h>

#include "base/util.h"

struct waiter {
    struct waiter *next;
    struct waiters *list;
    struct request *request;
    int kind;
};

static void leave(struct waiter *waiter)
{
    for (struct waiter **at = &waiter->list->first; *at != NULL; at = &(*at)->next)
        if (*at == waiter) {
            *at = waiter->next;
            break;
        }
    free(waiter);
}

static void on_cancel(struct request *request, void *user)
{
    (void)request;
    leave(user);
}

void waiters_add(struct waiters *waiters, struct request *request, int kind)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *waiter =
        (struct waiter){.next = waiters->first, .list = waiters, .request = request, .kind = kind};
    waiters->first = waiter;
    request_wait(request, on_cancel, waiter);
}

struct request *waiters_take(struct waiters *waiters, int *ret_kind)
{
    struct waiter *waiter = waiters->first;
    struct request *request;

    if (waiter == NULL)
        return NULL;
    request = waiter->request;
    if (ret_kind != NULL)
        *ret_kind = waiter->kind;
    leave(waiter);
    return request;
}
