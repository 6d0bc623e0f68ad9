/* SPDX-License-Identifier: Apache-2.0 */
/* /send and /disconnect of an e-Santé proxy. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/esante.h"
#include "oidc/esante_answer.h"
#include "oidc/esante_http.h"
#include "oidc/esante_path.h"
#include "oidc/farewell.h"
#include "oidc/logout.h"

/* National APIs take their time; the caller's deadline is shorter, or is the limit. */
#define SEND_MS 120000

struct exchange {
    struct request *request;
    struct provider *provider;
    struct http_call *call;
    char handle[PKCE_VALUE_SIZE];
    struct secret *cookie; /* of a session that is being ended */
};

static void exchange_free(void *flow)
{
    struct exchange *exchange = flow;

    http_cancel(&exchange->call);
    secret_free(exchange->cookie);
    free(exchange);
}

static struct exchange *exchange_new(struct request *request, const struct oidc_session *session)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    struct fail fail = FAIL_INIT;

    if (exchange == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return NULL;
    }
    exchange->request = request;
    exchange->provider = session->provider;
    memcpy(exchange->handle, session->handle, sizeof exchange->handle);
    return exchange;
}

/* The whole body into the caller's memory file. */
static bool write_body(int fd, const char *body, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, body, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        body += n;
        len -= (size_t)n;
    }
    return true;
}

static void on_sent(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct exchange *exchange = user;
    struct store *store = &exchange->request->oidcd->store;
    struct oidc_session *session = store_find(store, exchange->handle);
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else if (esante_session_gone(answer))
        fail_reason(&fail, CPS_LOGIN_EXPIRED, "closed", "the proxy has no such session any more");
    else if (!write_body(exchange->request->fd, answer->body, answer->len))
        fail_set(&fail, CPS_INTERNAL, "cannot hand the answer over");
    if (fail.code == CPS_LOGIN_EXPIRED && session != NULL)
        store_remove(store, session, &fail);
    if (fail.code == CPS_OK)
        request_reply(exchange->request,
                      json_pack("{s:i, s:s, s:I}", "status", (int)answer->status, "content_type",
                                answer->type, "bytes", (json_int_t)answer->len));
    else
        request_fail(exchange->request, &fail);
}

/* The bytes to send, for wipe_free, or NULL when there are none (ret_len 0) or they are wrong. */
static char *body_of(const json_t *params, size_t *ret_len, bool *ret_wrong)
{
    const char *text = json_get_string(params, "body");
    const char *coded = json_get_string(params, "body_base64");
    size_t size = coded != NULL ? strlen(coded) / 4 * 3 + 3 : 0;
    char *bytes = NULL;
    ptrdiff_t len = 0;

    *ret_len = 0;
    *ret_wrong = text != NULL && coded != NULL;
    if (*ret_wrong || (text == NULL && coded == NULL))
        return NULL;
    if (text != NULL) {
        *ret_len = strlen(text);
        return strdup(text);
    }
    bytes = calloc(1, size);
    len = bytes != NULL ? b64_decode(coded, strlen(coded), (uint8_t *)bytes, size) : -1;
    *ret_wrong = len < 0;
    *ret_len = len > 0 ? (size_t)len : 0;
    return bytes;
}

static cps_error start(struct exchange *exchange, const struct oidc_session *session,
                       const json_t *params, struct fail *fail)
{
    AUTO_WIPED char *body = NULL;
    char path[ESANTE_PATH_MAX];
    const char *type = json_get_string(params, "content_type");
    const char *accept = json_get_string(params, "accept");
    bool wrong = false;
    struct esante_request request = {.provider = session->provider,
                                     .method = json_get_string(params, "method"),
                                     .path = path,
                                     .cookie = session->cookie,
                                     .content_type = type != NULL ? type : "application/json",
                                     .accept = accept != NULL ? accept : "*/*",
                                     .deadline_ms = exchange->request->deadline_ms,
                                     .total_ms = SEND_MS};

    body = body_of(params, &request.body_len, &wrong);
    request.body = body;
    if (wrong)
        return fail_reason(fail, CPS_INVALID_PARAMS, "body", "not one body, or not base64url");
    if (!esante_path(json_get_string(params, "service"), json_get_string(params, "endpoint"), path))
        return fail_reason(fail, CPS_INVALID_PARAMS, "endpoint", "not a plain path");
    if (!esante_method(request.method) || !esante_header(request.content_type) ||
        !esante_header(request.accept))
        return fail_reason(fail, CPS_INVALID_PARAMS, "method", "method or header not allowed");
    return esante_http(&request, &exchange->call, on_sent, exchange, fail);
}

void esante_send(struct request *request, struct oidc_session *session, const json_t *params)
{
    struct exchange *exchange = exchange_new(request, session);
    struct fail fail = FAIL_INIT;

    if (exchange == NULL)
        return;
    request_set_flow(request, exchange, exchange_free, NULL);
    if (session->cookie == NULL)
        fail_set(&fail, CPS_TOKEN_UNAVAILABLE, "the session is not at an e-Santé proxy");
    else if (request->fd < 0)
        fail_set(&fail, CPS_INVALID_PARAMS, "no descriptor for the answer");
    else
        start(exchange, session, params, &fail);
    if (fail.code != CPS_OK)
        request_fail(request, &fail);
}

/* The proxy is told again later of what it has not heard. */
static void leave(struct exchange *exchange, bool ended)
{
    struct farewell_words words = {.cookie = TAKE_PTR(exchange->cookie)};

    http_cancel(&exchange->call);
    if (!ended)
        log_warning("an e-Santé proxy did not end its session");
    if (words.cookie != NULL)
        farewell_add(exchange->request->oidcd, exchange->provider, &words);
    else
        farewell_report(exchange->provider, ended, 1);
    request_reply(exchange->request, json_pack("{s:b}", "ended", ended));
}

static void on_disconnected(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct exchange *exchange = user;
    /* 401: it is not there any more, which is what was wanted. */
    bool ended = answer != NULL &&
                 ((answer->status >= 200 && answer->status < 300) || esante_session_gone(answer));

    (void)why;
    if (logout_heard(answer)) {
        secret_free(exchange->cookie);
        exchange->cookie = NULL;
    }
    leave(exchange, ended);
}

static void not_ended(void *flow)
{
    leave(flow, false);
}

void esante_disconnect(struct request *request, struct oidc_session *session)
{
    struct exchange *exchange = exchange_new(request, session);
    struct esante_request http = {.provider = session->provider,
                                  .method = "DELETE",
                                  .path = "/disconnect",
                                  .accept = "application/json",
                                  .deadline_ms = request->deadline_ms};
    struct fail fail = FAIL_INIT;

    if (exchange == NULL)
        return;
    request_set_flow(request, exchange, exchange_free, not_ended);
    exchange->cookie = TAKE_PTR(session->cookie);
    http.cookie = exchange->cookie;
    store_remove(&request->oidcd->store, session, NULL);
    if (esante_http(&http, &exchange->call, on_disconnected, exchange, &fail) != CPS_OK)
        not_ended(exchange);
}
