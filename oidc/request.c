/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/request.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/worker.h"

static void request_free(struct request *request)
{
    struct request **link = &request->oidcd->requests;

    while (*link != request)
        link = &(*link)->next;
    *link = request->next;
    request->oidcd->n_requests--;
    sd_event_source_disable_unref(request->timer);
    if (request->flow_free != NULL)
        request->flow_free(request->flow);
    if (request->fd >= 0)
        close(request->fd);
    free(request);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *user)
{
    struct request *request = user;
    struct fail fail = FAIL_INIT;

    (void)source;
    (void)usec;
    if (request->flow_deadline != NULL) {
        request->flow_deadline(request->flow);
        return 0;
    }
    fail_set(&fail, CPS_DEADLINE_EXCEEDED, "the provider was too slow for the deadline");
    request_fail(request, &fail);
    return 0;
}

/* Accuracy 1 ms: an answer that comes after its deadline gets this process killed. */
static bool watch_deadline(struct request *request, int64_t deadline_ms)
{
    request->deadline_ms = deadline_ms;
    if (deadline_ms == CLOCK_NEVER)
        return true;
    request->deadline_ms -= REQUEST_MARGIN_MS;
    return sd_event_add_time(request->oidcd->event, &request->timer, CLOCK_BOOTTIME,
                             (uint64_t)(request->deadline_ms > 0 ? request->deadline_ms : 0) * 1000,
                             1000, on_deadline, request) >= 0;
}

static struct request *refuse(int64_t id, cps_error error, const char *why)
{
    struct fail fail = FAIL_INIT;

    fail_set(&fail, error, "%s", why);
    worker_fail(id, &fail);
    return NULL;
}

struct request *request_new(struct oidcd *oidcd, int64_t id, int64_t deadline_ms)
{
    struct request *request;

    if (oidcd->n_requests >= REQUESTS_MAX)
        return refuse(id, CPS_TOO_MANY_REQUESTS, "too many provider requests under way");
    request = calloc(1, sizeof *request);
    if (request == NULL)
        return refuse(id, CPS_INTERNAL, "out of memory");
    request->oidcd = oidcd;
    request->id = id;
    request->fd = -1;
    request->next = oidcd->requests;
    oidcd->requests = request;
    oidcd->n_requests++;
    if (watch_deadline(request, deadline_ms))
        return request;
    request_free(request);
    return refuse(id, CPS_INTERNAL, "no timer");
}

void request_set_flow(struct request *request, void *flow, void (*flow_free)(void *),
                      void (*flow_deadline)(void *))
{
    request->flow = flow;
    request->flow_free = flow_free;
    request->flow_deadline = flow_deadline;
}

/* Freed before it is answered: whoever reads the answer finds the listener closed. */
void request_reply(struct request *request, json_t *result)
{
    int64_t id = request->id;

    request_free(request);
    worker_reply(id, result);
}

void request_fail(struct request *request, const struct fail *fail)
{
    int64_t id = request->id;
    struct fail copy = *fail; /* it may live in the flow */

    request_free(request);
    worker_fail(id, &copy);
}

void request_cancel(struct oidcd *oidcd, int64_t id)
{
    struct request *request = oidcd->requests;
    struct fail fail = FAIL_INIT;

    while (request != NULL && request->id != id)
        request = request->next;
    if (request == NULL)
        return;
    fail_set(&fail, CPS_CANCELLED, "cancelled by the agent");
    request_fail(request, &fail);
}

bool request_rings(const struct oidcd *oidcd, const struct provider *provider, const char *user_id)
{
    for (const struct request *r = oidcd->requests; r != NULL; r = r->next)
        if (r->user_id != NULL && r->provider == provider && strcmp(r->user_id, user_id) == 0)
            return true;
    return false;
}

void requests_drop(struct oidcd *oidcd)
{
    while (oidcd->requests != NULL)
        request_free(oidcd->requests);
}
