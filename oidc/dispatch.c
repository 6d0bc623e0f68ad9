/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/dispatch.h"

#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "oidc/authcode.h"
#include "oidc/check.h"
#include "oidc/ciba.h"
#include "oidc/esante.h"
#include "oidc/exchange.h"
#include "oidc/fetch.h"
#include "oidc/introspect.h"
#include "oidc/logout.h"
#include "oidc/refresh.h"

static void login(struct request *request, const json_t *params,
                  void (*start)(struct request *, struct provider *, const json_t *))
{
    struct provider *provider = NULL;
    struct fail fail = FAIL_INIT;

    if (providers_find(&request->oidcd->providers, json_get_string(params, "provider"), &provider,
                       &fail) == CPS_OK)
        start(request, provider, params);
    else
        request_fail(request, &fail);
}

static void no_session(struct request *request)
{
    struct fail fail = FAIL_INIT;

    fail_reason(&fail, CPS_LOGIN_EXPIRED, "handle", "no such provider session");
    request_fail(request, &fail);
}

static void with_session(struct request *request, const json_t *params,
                         void (*start)(struct request *, struct oidc_session *))
{
    struct oidc_session *session =
        store_find(&request->oidcd->store, json_get_string(params, "handle"));

    if (session != NULL)
        start(request, session);
    else
        no_session(request);
}

static void op_login_browser(struct request *request, const json_t *params)
{
    login(request, params, authcode_start);
}

static void op_login_ciba(struct request *request, const json_t *params)
{
    login(request, params, ciba_start);
}

static void op_check(struct request *request, const json_t *params)
{
    struct provider *provider =
        providers_any(&request->oidcd->providers, json_get_string(params, "provider"));
    struct fail fail = FAIL_INIT;

    if (provider != NULL) {
        check_start(request, provider);
        return;
    }
    fail_set(&fail, CPS_PROVIDER_UNKNOWN, "no such file in providers.d");
    request_fail(request, &fail);
}

static void op_login_proxy(struct request *request, const json_t *params)
{
    login(request, params, esante_connect);
}

static void op_send(struct request *request, const json_t *params)
{
    struct oidc_session *session =
        store_find(&request->oidcd->store, json_get_string(params, "handle"));

    if (session != NULL)
        esante_send(request, session, params);
    else
        no_session(request);
}

static void end_session(struct request *request, struct oidc_session *session)
{
    if (session->cookie != NULL)
        esante_disconnect(request, session);
    else
        logout_start(request, session);
}

static void op_refresh(struct request *request, const json_t *params)
{
    with_session(request, params, refresh_start);
}

static void op_logout(struct request *request, const json_t *params)
{
    with_session(request, params, end_session);
}

static void op_introspect(struct request *request, const json_t *params)
{
    with_session(request, params, introspect_start);
}

static void op_exchange(struct request *request, const json_t *params)
{
    struct oidc_session *session =
        store_find(&request->oidcd->store, json_get_string(params, "handle"));

    if (session != NULL)
        exchange_start(request, session, params);
    else
        no_session(request);
}

static void op_providers(struct request *request, const json_t *params)
{
    json_t *answer = providers_to_json(&request->oidcd->providers);

    (void)params;
    json_object_set_new(answer, "apis", apis_to_json(&request->oidcd->apis));
    request_reply(request, answer);
}

static void op_cancel(struct request *request, const json_t *params)
{
    int64_t id = json_get_int(params, "id", -1);

    if (id != request->id)
        request_cancel(request->oidcd, id);
    request_reply(request, json_object());
}

static const struct {
    const char *op;
    void (*start)(struct request *request, const json_t *params);
} ops[] = {
    {"providers", op_providers},     {"login_browser", op_login_browser},
    {"login_ciba", op_login_ciba},   {"refresh", op_refresh},
    {"logout", op_logout},           {"cancel", op_cancel},
    {"fetch", fetch_start},          {"check", op_check},
    {"login_proxy", op_login_proxy}, {"send", op_send},
    {"introspect", op_introspect},   {"exchange", op_exchange},
};

void dispatch(struct oidcd *oidcd, struct worker_request *packet)
{
    struct request *request = request_new(oidcd, packet->id, packet->deadline_ms);
    struct fail fail = FAIL_INIT;

    if (request == NULL)
        return;
    request->fd = TAKE_FD(packet->fd);
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        if (strcmp(packet->op, ops[i].op) == 0) {
            ops[i].start(request, packet->params);
            return;
        }
    }
    fail_set(&fail, CPS_METHOD_NOT_FOUND, "no such operation");
    request_fail(request, &fail);
}
