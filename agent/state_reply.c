/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/state_reply.h"

#include <stdlib.h>

struct reply {
    struct request *request;
    json_t *result;
    struct state_wait *wait;
};

static void reply_free(struct reply *reply)
{
    json_decref(reply->result);
    free(reply);
}

static void on_reply_cancel(struct request *request, void *user)
{
    struct reply *reply = user;

    (void)request;
    state_wait_forget(reply->wait);
    reply_free(reply);
}

static void on_stored(void *user, const struct fail *fail)
{
    struct reply *reply = user;

    if (fail != NULL)
        request_fail(reply->request, fail);
    else
        request_reply(reply->request, json_incref(reply->result));
    reply_free(reply);
}

void state_reply(struct state_store *store, const char *name, struct request *request,
                 json_t *result)
{
    struct reply *reply = malloc(sizeof *reply);

    if (reply == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *reply = (struct reply){.request = request, .result = result};
    reply->wait = state_store_wait(store, name, on_stored, reply);
    request_wait(request, on_reply_cancel, reply);
}
