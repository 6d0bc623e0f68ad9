/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cps-revocation: reads what the network or a cache gave about revocation, so that the agent, which
 * never waits for a large computation, does not have to. It lives for one list or one question.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/trust/crl.h"
#include "agent/trust/crl_table.h"
#include "agent/trust/ocsp.h"
#include "base/b64.h"
#include "base/confine.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"
#include "base/whole.h"
#include "base/worker.h"

/* What a list of FETCH_MAX bytes may grow to when it is taken apart. */
#define MEMORY_MAX (1024UL * 1024 * 1024)

struct state {
    char *data; /* the list as it came */
    size_t len;
    X509_CRL *crl;
    struct ocsp *ocsp;
};

static X509 *certificate_of(const json_t *params, const char *key)
{
    const char *text = json_get_string(params, key);
    uint8_t der[PROTO_CERTIFICATE_MAX];
    const uint8_t *at = der;
    ptrdiff_t len = text != NULL ? b64_decode(text, strlen(text), der, sizeof der) : -1;

    return len > 0 ? d2i_X509(NULL, &at, len) : NULL;
}

static cps_error read_all(int fd, char **ret_data, size_t *ret_len, struct fail *fail)
{
    AUTO_FREE char *data = NULL;
    size_t len = 0;
    int r = whole_read(fd, FETCH_MAX, &data, &len);

    if (r == -ENOMEM)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (r == -EIO)
        return fail_set(fail, CPS_STORAGE, "%s", strerror(-r));
    if (r < 0 || len == 0)
        return fail_reason(fail, CPS_REVOCATION_UNKNOWN, "malformed", "nothing to read");
    *ret_data = TAKE_PTR(data);
    *ret_len = len;
    return CPS_OK;
}

/* The list that was kept, when there is one that nobody else can have put there. */
static json_t *op_cached(struct state *state, const struct worker_request *request,
                         struct fail *fail)
{
    const char *path = json_get_string(request->params, "path");
    AUTO_CLOSE int fd = -1;
    struct stat st;

    if (path == NULL || state->data != NULL) {
        fail_set(fail, CPS_INTERNAL, "question out of shape");
        return NULL;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        read_all(fd, &state->data, &state->len, fail) != CPS_OK)
        return fail->code == CPS_OK || fail->code == CPS_REVOCATION_UNKNOWN ? json_object() : NULL;
    return json_pack("{s:I}", "kept_at", (json_int_t)st.st_mtime);
}

static json_t *op_crl(struct state *state, const struct worker_request *request, struct fail *fail)
{
    const char *url = json_get_string(request->params, "url");
    const json_t *known_json = json_get_object(request->params, "known");
    const char *number = json_get_string(known_json, "number");
    X509 *issuer = certificate_of(request->params, "issuer");
    struct crl_info known = {.number = ""}, info;

    if (number != NULL)
        snprintf(known.number, sizeof known.number, "%s", number);
    known.this_update_s = json_get_int(known_json, "this_update_at", 0);
    if (issuer == NULL || url == NULL || state->crl != NULL)
        fail_set(fail, CPS_INTERNAL, "question out of shape");
    else if (state->data != NULL ||
             read_all(request->fd, &state->data, &state->len, fail) == CPS_OK)
        crl_read(state->data, state->len, issuer, url, known_json != NULL ? &known : NULL,
                 &state->crl, &info, fail);
    X509_free(issuer);
    if (fail->code != CPS_OK)
        return NULL;
    return json_pack("{s:s, s:I, s:I, s:I}", "number", info.number, "this_update_at",
                     (json_int_t)info.this_update_s, "next_update_at",
                     (json_int_t)info.next_update_s, "entries", (json_int_t)info.entries);
}

static json_t *op_table(struct state *state, const struct worker_request *request,
                        struct fail *fail)
{
    if (state->crl == NULL)
        fail_set(fail, CPS_INTERNAL, "question out of shape");
    else
        crl_table_write(state->crl, request->fd, fail);
    return fail->code == CPS_OK ? json_object() : NULL;
}

static json_t *op_ocsp_request(struct state *state, const struct worker_request *request,
                               struct fail *fail)
{
    X509 *certificate = certificate_of(request->params, "certificate");
    X509 *issuer = certificate_of(request->params, "issuer");
    AUTO_FREE char *text = NULL;
    unsigned char *der = NULL;
    int len = -1;

    if (certificate != NULL && issuer != NULL && state->ocsp == NULL)
        state->ocsp = ocsp_new(certificate, issuer);
    if (state->ocsp != NULL)
        len = ocsp_request(state->ocsp, &der);
    if (len > 0)
        text = b64_encode(der, (size_t)len);
    OPENSSL_free(der);
    X509_free(certificate);
    X509_free(issuer);
    if (text != NULL)
        return json_pack("{s:s}", "request", text);
    fail_set(fail, CPS_INTERNAL, "no question could be made");
    return NULL;
}

static json_t *op_ocsp_answer(struct state *state, const struct worker_request *request,
                              struct fail *fail)
{
    static const char *const names[] = {
        [OCSP_GOOD] = "good", [OCSP_REVOKED] = "revoked", [OCSP_UNKNOWN] = "unknown"};
    struct ocsp_answer answer;
    AUTO_FREE char *data = NULL;
    size_t len = 0;

    if (state->ocsp == NULL)
        fail_set(fail, CPS_INTERNAL, "question out of shape");
    else if (read_all(request->fd, &data, &len, fail) == CPS_OK)
        ocsp_check(state->ocsp, data, len, &answer, fail);
    if (fail->code != CPS_OK)
        return NULL;
    return json_pack("{s:s, s:I, s:I, s:i}", "status", names[answer.status], "this_update_at",
                     (json_int_t)answer.this_update_s, "revoked_at",
                     (json_int_t)answer.revoked_at_s, "reason", answer.reason);
}

static const struct {
    const char *op;
    json_t *(*run)(struct state *state, const struct worker_request *request, struct fail *fail);
} ops[] = {
    {"cached", op_cached},
    {"crl", op_crl},
    {"table", op_table},
    {"ocsp_request", op_ocsp_request},
    {"ocsp_answer", op_ocsp_answer},
};

static void serve(struct state *state, const struct worker_request *request)
{
    struct fail fail = FAIL_INIT;
    json_t *result = NULL;

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(request->op, ops[i].op) == 0) {
            result = ops[i].run(state, request, &fail);
            break;
        }
    if (result != NULL)
        worker_reply(request->id, result);
    else if (fail.code != CPS_OK)
        worker_fail(request->id, &fail);
    else {
        fail_set(&fail, CPS_METHOD_NOT_FOUND, "no such operation");
        worker_fail(request->id, &fail);
    }
}

int main(int argc, char **argv)
{
    static struct state state; /* reachable at exit, which comes from worker_next() */

    (void)argv;
    if (argc != 1) {
        fprintf(stderr, "usage: " PROTO_REVOCATION "   (started by cps-agent)\n");
        return EXIT_FAILURE;
    }
#ifndef CPS_SANITIZE /* whose shadow memory is larger than any limit */
    (void)setrlimit(RLIMIT_DATA, &(struct rlimit){MEMORY_MAX, MEMORY_MAX});
#endif
    worker_init(PROTO_REVOCATION, 0);
    for (;;) {
        AUTO_REQUEST struct worker_request request = WORKER_REQUEST_INIT;

        (void)worker_next(&request);
        serve(&state, &request);
    }
}
