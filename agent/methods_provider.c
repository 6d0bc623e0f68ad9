/* SPDX-License-Identifier: Apache-2.0 */
/* provider.check: oidcd does it, the caller waits. */
#include <stdlib.h>

#include "agent/methods.h"
#include "agent/oidc.h"
#include "base/clock.h"
#include "base/json.h"

/* Sooner than the caller's deadline: what was found until then is worth having. */
#define MARGIN_MS 500

struct check {
    struct agent *agent;
    struct request *request;
    struct call *call;
};

static void on_cancel(struct request *request, void *user)
{
    struct check *check = user;

    (void)request;
    oidc_cancel(check->agent->oidc, check->call);
    free(check);
}

static void on_done(void *user, json_t *result, const struct fail *fail)
{
    struct check *check = user;
    struct request *request = check->request;
    struct agent *agent = check->agent;

    free(check);
    oidc_look(agent->oidc);
    if (fail != NULL)
        request_fail(request, fail);
    else
        request_reply(request, json_incref(result));
}

void method_provider_check(struct agent *agent, struct request *request)
{
    const char *name = oidc_provider(agent->oidc, json_get_string(request->params, "provider"));
    int left_ms = clock_left_ms(request->deadline_ms);
    struct check *check = calloc(1, sizeof *check);
    struct fail fail;

    if (check == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *check = (struct check){.agent = agent, .request = request};
    if (name == NULL)
        fail_set(&fail, CPS_PROVIDER_UNKNOWN, "no provider is configured");
    else
        check->call = oidc_call(agent->oidc, "check", json_pack("{s:s}", "provider", name),
                                left_ms > 2 * MARGIN_MS ? left_ms - MARGIN_MS : left_ms, on_done,
                                NULL, check, &fail);
    if (check->call != NULL) {
        request_wait(request, on_cancel, check);
        return;
    }
    free(check);
    request_fail(request, &fail);
}
