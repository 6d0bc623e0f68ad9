/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ocsp_query.h"

#include <stdlib.h>

#include "agent/certificate_json.h"
#include "agent/child.h"
#include "agent/oidc.h"
#include "agent/trust/crl_table.h"
#include "agent/trust/points.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"

struct ocsp_query {
    struct agent *agent;
    char *url;
    char *proxy;
    struct child *helper;
    struct call *fetch;
    int answer; /* memfd */
    ocsp_query_done *done;
    void *user;
};

void ocsp_query_free(struct ocsp_query *query)
{
    if (query == NULL)
        return;
    oidc_cancel(query->agent->oidc, query->fetch);
    child_free(query->helper);
    if (query->answer >= 0)
        close(query->answer);
    free(query->proxy);
    free(query->url);
    free(query);
}

static void finish(struct ocsp_query *query, const json_t *answer, const struct fail *fail)
{
    ocsp_query_done *done = query->done;
    void *user = query->user;

    ocsp_query_free(query);
    done(user, answer, fail);
}

static void on_answer(void *user, json_t *result, const struct fail *fail)
{
    finish(user, result, fail);
}

static void on_fetched(void *user, json_t *result, const struct fail *fail)
{
    struct ocsp_query *query = user;

    (void)result;
    query->fetch = NULL;
    if (fail != NULL)
        finish(query, NULL, fail);
    else
        child_call(query->helper, "ocsp_answer", json_object(), query->answer,
                   REVOCATION_TIMEOUT_MS, on_answer, NULL, query);
}

static void on_request(void *user, json_t *result, const struct fail *fail)
{
    struct ocsp_query *query = user;
    const char *request = json_get_string(result, "request");
    struct fail wrong;

    if (fail != NULL) {
        finish(query, NULL, fail);
        return;
    }
    query->answer = crl_table_memfd();
    query->fetch = oidc_call_fd(query->agent->oidc, "fetch",
                                json_pack("{s:s, s:s, s:s*, s:s*}", "url", query->url, "kind",
                                          "ocsp", "body", request, "proxy", query->proxy),
                                query->answer, REVOCATION_TIMEOUT_MS, on_fetched, query, &wrong);
    if (query->fetch == NULL)
        finish(query, NULL, &wrong);
}

static void on_helper_exit(void *user)
{
    struct fail fail;

    fail_set(&fail, CPS_COMPONENT_FAILED, "%s stopped", PROTO_REVOCATION);
    finish(user, NULL, &fail);
}

static const struct child_class helper_class = {
    .program = PROTO_REVOCATION,
    .in_flight = 1,
    .on_exit = on_helper_exit,
};

struct ocsp_query *ocsp_query_new(struct agent *agent, X509 *certificate, X509 *issuer,
                                  const char *proxy, ocsp_query_done *done, void *user,
                                  struct fail *fail)
{
    AUTO_FREE char *certificate_text = certificate_json_text(certificate);
    AUTO_FREE char *issuer_text = certificate_json_text(issuer);
    struct ocsp_query *query = calloc(1, sizeof *query);

    if (query == NULL) {
        fail_set(fail, CPS_INTERNAL, "out of memory");
        return NULL;
    }
    *query = (struct ocsp_query){.agent = agent,
                                 .url = points_ocsp(certificate),
                                 .proxy = proxy != NULL ? strdup(proxy) : NULL,
                                 .answer = -1,
                                 .done = done,
                                 .user = user};
    if (query->url == NULL)
        fail_reason(fail, CPS_REVOCATION_UNKNOWN, "no_address",
                    "the certificate names no OCSP responder");
    else
        query->helper = child_start(agent, &helper_class, query, fail);
    if (query->helper == NULL) {
        ocsp_query_free(query);
        return NULL;
    }
    child_call(query->helper, "ocsp_request",
               json_pack("{s:s*, s:s*}", "certificate", certificate_text, "issuer", issuer_text),
               -1, REVOCATION_TIMEOUT_MS, on_request, NULL, query);
    return query;
}
