/* SPDX-License-Identifier: Apache-2.0 */
/* proxy.send: oidcd talks to the e-Santé proxy, the answer comes back in a memory file. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/access.h"
#include "agent/methods.h"
#include "agent/oidc.h"
#include "agent/session.h"
#include "agent/tokens.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/packet.h"
#include "base/proto.h"
#include "base/util.h"

/* Sooner than the caller's deadline, so that oidcd is the one to answer. */
#define MARGIN_MS 300

/* What is left of a packet for the parameters, and the largest bodies that fit in an answer. */
#define PARAMS_MAX (PACKET_MAX - 1024)
#define BINARY_MAX (176 * 1024)
#define TEXT_MAX   (160 * 1024)

struct send {
    struct agent *agent;
    struct request *request;
    struct call *call;
    int64_t epoch; /* of the session that it is sent for */
    int memory;
};

static void send_free(struct send *send)
{
    if (send->memory >= 0)
        close(send->memory);
    free(send);
}

static void on_cancel(struct request *request, void *user)
{
    struct send *send = user;

    (void)request;
    oidc_cancel(send->agent->oidc, send->call);
    send_free(send);
}

/* The memory file's bytes, NUL-terminated. NULL: there are fewer than was said. */
static char *bytes_of(const struct send *send, size_t len)
{
    char *bytes = calloc(1, len + 1);

    if (bytes == NULL || pread(send->memory, bytes, len, 0) != (ssize_t)len) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* Sets body or body_base64. False when the answer would be too long for a line. */
static bool set_body(json_t *answer, const char *bytes, size_t len)
{
    AUTO_JSON json_t *text = json_stringn(bytes, len); /* NULL: it is not UTF-8 */
    AUTO_FREE char *coded = NULL;

    if (text != NULL && json_dumpb(text, NULL, 0, JSON_ENCODE_ANY) <= TEXT_MAX &&
        memchr(bytes, '\0', len) == NULL) {
        json_object_set(answer, "body", text);
        return true;
    }
    if (len > BINARY_MAX)
        return false;
    coded = b64_encode(bytes, len);
    return coded != NULL && json_object_set_new(answer, "body_base64", json_string(coded)) == 0;
}

static json_t *make_answer(const struct send *send, const json_t *result, struct fail *fail)
{
    const char *type = json_get_string(result, "content_type");
    int64_t status = json_get_int(result, "status", 0);
    int64_t len = json_get_int(result, "bytes", -1);
    AUTO_FREE char *bytes = NULL;
    AUTO_JSON json_t *answer = NULL;

    if (len >= 0 && len <= FETCH_MAX)
        bytes = bytes_of(send, (size_t)len);
    if (bytes == NULL || type == NULL || status == 0) {
        fail_set(fail, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_OIDCD);
        return NULL;
    }
    answer = json_pack("{s:I, s:s, s:I}", "status", (json_int_t)status, "content_type", type,
                       "epoch", (json_int_t)send->epoch);
    if (!set_body(answer, bytes, (size_t)len)) {
        fail_set(fail, CPS_TOO_LARGE, "the API's answer is too long");
        return NULL;
    }
    return TAKE_PTR(answer);
}

/* What comes back belongs to the person who asked: nobody else may see it, nor while they are away.
 */
static cps_error still_there(const struct send *send, struct fail *fail)
{
    if (session_epoch(send->agent->session) != send->epoch)
        return fail_set(fail, CPS_SESSION_CHANGED, "the session ended meanwhile");
    return session_check(send->agent->session, fail);
}

static void on_done(void *user, json_t *result, const struct fail *fail)
{
    struct send *send = user;
    struct request *request = send->request;
    struct fail wrong;
    json_t *answer = NULL;

    if (fail == NULL && still_there(send, &wrong) != CPS_OK)
        fail = &wrong;
    if (fail == NULL) {
        answer = make_answer(send, result, &wrong);
        fail = &wrong;
    }
    send_free(send);
    if (answer != NULL)
        request_reply(request, answer);
    else
        request_fail(request, fail);
}

/* What the caller sends, and the session it goes by. Never longer than a packet can hold. */
static json_t *make_params(const struct request *request, const char *handle, struct fail *fail)
{
    json_t *params = json_copy(request->params);

    json_object_set_new(params, "handle", json_string(handle));
    if (json_object_get(params, "method") == NULL)
        json_object_set_new(params, "method", json_string("GET"));
    if (json_dumpb(params, NULL, 0, JSON_COMPACT) <= PARAMS_MAX)
        return params;
    json_decref(params);
    fail_set(fail, CPS_TOO_LARGE, "the request is too long");
    return NULL;
}

static cps_error check(const struct agent *agent, const struct request *request, struct fail *fail)
{
    if (session_check_epoch(agent->session, request->params, fail) != CPS_OK ||
        session_check(agent->session, fail) != CPS_OK)
        return fail->code;
    if (!tokens_are_at_proxy(session_tokens(agent->session)))
        return fail_set(fail, CPS_TOKEN_UNAVAILABLE, "the session is not at an e-Santé proxy");
    return CPS_OK;
}

static cps_error start(struct send *send, struct fail *fail)
{
    json_t *params =
        make_params(send->request, tokens_handle(session_tokens(send->agent->session)), fail);
    int left_ms = clock_left_ms(send->request->deadline_ms);

    if (params == NULL)
        return fail->code;
    send->memory = memfd_create("proxy answer", MFD_CLOEXEC);
    if (send->memory < 0) {
        json_decref(params);
        return fail_set(fail, CPS_INTERNAL, "no memory file");
    }
    send->call =
        oidc_call_fd(send->agent->oidc, "send", params, send->memory,
                     left_ms > 2 * MARGIN_MS ? left_ms - MARGIN_MS : left_ms, on_done, send, fail);
    return send->call != NULL ? CPS_OK : fail->code;
}

static void send_now(struct agent *agent, struct request *request)
{
    struct send *send = calloc(1, sizeof *send);
    struct fail fail = FAIL_INIT;

    if (send == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *send = (struct send){
        .agent = agent, .request = request, .epoch = session_epoch(agent->session), .memory = -1};
    if (check(agent, request, &fail) == CPS_OK && start(send, &fail) == CPS_OK) {
        request_wait(request, on_cancel, send);
        return;
    }
    send_free(send);
    request_fail(request, &fail);
}

void method_proxy_send(struct agent *agent, struct request *request)
{
    access_request(agent, request, POLICY_PROXY, json_get_string(request->params, "service"),
                   send_now);
}
