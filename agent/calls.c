/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/calls.h"

#include <stdlib.h>
#include <unistd.h>

void calls_append(struct calls *calls, struct call *call)
{
    struct call **end = &calls->first;

    while (*end != NULL)
        end = &(*end)->next;
    *end = call;
    calls->n++;
}

void calls_sent(struct calls *calls, struct call *call)
{
    call->sent = true;
    calls->n_sent++;
}

struct call *calls_find(const struct calls *calls, int64_t id)
{
    for (struct call *call = calls->first; call != NULL; call = call->next)
        if (call->sent && call->id == id)
            return call;
    return NULL;
}

static void call_free(struct call *call)
{
    sd_event_source_disable_unref(call->timer);
    json_decref(call->params);
    if (call->fd >= 0)
        close(call->fd);
    free(call->op);
    free(call);
}

void calls_drop(struct calls *calls, struct call *call)
{
    for (struct call **at = &calls->first; *at != NULL; at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            break;
        }
    calls->n--;
    if (call->sent)
        calls->n_sent--;
    call_free(call);
}

void calls_clear(struct calls *calls)
{
    while (calls->first != NULL)
        calls_drop(calls, calls->first);
}
