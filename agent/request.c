/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/rpc.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

struct request *request_new(struct conn *conn, const char *id, json_t *params)
{
    struct request *request = calloc(1, sizeof *request);

    if (request == NULL) {
        json_decref(params);
        return NULL;
    }
    snprintf(request->id, sizeof request->id, "%s", id);
    request->conn = conn;
    request->params = params;
    request->next = conn->requests;
    conn->requests = request;
    conn->n_requests++;
    return request;
}

static void request_free(struct request *request)
{
    struct conn *conn = request->conn;

    for (struct request **at = &conn->requests; *at != NULL; at = &(*at)->next)
        if (*at == request) {
            *at = request->next;
            conn->n_requests--;
            break;
        }
    sd_event_source_disable_unref(request->timer);
    json_decref(request->params);
    free(request);
    if (conn->n_requests == 0)
        conn_idle(conn);
}

void request_reply_text(struct request *request, const char *text, size_t len)
{
    static const char head[] = "{\"jsonrpc\":\"2.0\",\"id\":";
    static const char middle[] = ",\"result\":";
    const struct conn_part parts[] = {{head, sizeof head - 1},
                                      {request->id, strlen(request->id)},
                                      {middle, sizeof middle - 1},
                                      {text, len},
                                      {"}", 1}};

    conn_send(request->conn, parts, sizeof parts / sizeof parts[0]);
    request_free(request);
}

void request_reply(struct request *request, json_t *result)
{
    AUTO_JSON json_t *owned = result;
    char *text = json_dumps(owned, JSON_COMPACT);
    size_t len = text != NULL ? strlen(text) : 0;
    struct fail fail;

    if (text == NULL || len + REQUEST_ID_MAX + 64 > CONN_ANSWER_MAX) {
        fail_set(&fail, CPS_INTERNAL, "an answer of %zu bytes", len);
        request_fail(request, &fail);
    } else {
        request_reply_text(request, text, len);
    }
    if (text != NULL)
        explicit_bzero(text, len);
    free(text);
}

void request_fail(struct request *request, const struct fail *fail)
{
    rpc_send_error(request->conn, request->id, fail);
    request_free(request);
}

void request_progress(struct request *request, json_t *members)
{
    AUTO_JSON json_t *params = members;

    json_object_set_new(params, "id",
                        json_loads(request->id, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    rpc_notify(request->conn, "progress", params);
}

void request_abort(struct request *request, const struct fail *fail)
{
    if (request->on_cancel != NULL)
        request->on_cancel(request, request->user);
    request_fail(request, fail);
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *user)
{
    struct fail fail;

    (void)source;
    (void)usec;
    fail_set(&fail, CPS_DEADLINE_EXCEEDED, "deadline of the request");
    request_abort(user, &fail);
    return 0;
}

void request_wait(struct request *request, void (*on_cancel)(struct request *request, void *user),
                  void *user)
{
    int r;

    request->on_cancel = on_cancel;
    request->user = user;
    r = request->timer != NULL
            ? sd_event_source_set_time(request->timer, (uint64_t)request->deadline_ms * 1000)
            : sd_event_add_time(request->conn->agent->event, &request->timer, CLOCK_BOOTTIME,
                                (uint64_t)request->deadline_ms * 1000, 1000, on_deadline, request);
    if (r < 0)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
}

struct request *request_find(const struct conn *conn, const char *id)
{
    for (struct request *request = conn->requests; request != NULL; request = request->next)
        if (strcmp(request->id, id) == 0)
            return request;
    return NULL;
}

void requests_abandon(struct conn *conn)
{
    while (conn->requests != NULL) {
        struct request *request = conn->requests;

        if (request->on_cancel != NULL)
            request->on_cancel(request, request->user);
        request_free(request);
    }
}
