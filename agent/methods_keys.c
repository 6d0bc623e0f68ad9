/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "agent/evidence_events.h"
#include "agent/keys.h"
#include "agent/methods.h"
#include "agent/statement.h"

static void on_cancel(struct request *request, void *user)
{
    struct agent *agent = user;

    (void)request;
    keys_rotate_cancel(agent->keys);
}

static void on_rotated(void *user, const struct fail *fail)
{
    struct request *request = user;
    struct agent *agent = request->conn->agent;

    if (fail != NULL) {
        request_fail(request, fail);
        return;
    }
    evidence_key_rotated(agent);
    request_reply(request, keys_jwks(agent->keys));
}

/* A key that is not on disk would be lost with the agent: nobody is told of it before. */
void method_keys_rotate(struct agent *agent, struct request *request)
{
    struct fail fail;

    if (keys_rotate(agent->keys, agent->store, STATEMENT_TTL_S, on_rotated, request, &fail) ==
        CPS_OK)
        request_wait(request, on_cancel, agent);
    else
        request_fail(request, &fail);
}
