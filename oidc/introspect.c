/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/introspect.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "oidc/answer.h"
#include "oidc/client_auth.h"

/* Longest text of an answer that is passed on. */
#define TEXT_MAX 1024

struct introspection {
    struct request *request;
    struct http_call *call;
};

/* What is passed on, and how it is called then. An audience or a role says nothing to programs. */
static const struct {
    const char *member, *name;
} texts[] = {{"sub", "sub"},     {"SubjectNameID", "subject_name_id"},
             {"acr", "acr"},     {"authMode", "auth_mode"},
             {"scope", "scope"}, {"client_id", "client_id"}},
  times[] = {{"exp", "exp_at"}, {"iat", "iat_at"}, {"auth_time", "auth_at"}};

static void introspection_free(void *flow)
{
    struct introspection *introspection = flow;

    http_cancel(&introspection->call);
    free(introspection);
}

/* RFC 7662 section 2.2: only "active" is sure to be there. */
static json_t *result_of(const json_t *answer)
{
    bool active = json_is_true(json_object_get(answer, "active"));
    json_t *result = json_pack("{s:b}", "active", active);

    for (size_t i = 0; active && i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = json_get_string(answer, texts[i].member);

        if (text != NULL && strlen(text) <= TEXT_MAX)
            json_object_set_new(result, texts[i].name, json_string(text));
    }
    for (size_t i = 0; active && i < sizeof times / sizeof times[0]; i++) {
        int64_t at = json_get_int(answer, times[i].member, -1);

        if (at >= 0)
            json_object_set_new(result, times[i].name, json_integer(at));
    }
    return result;
}

static void on_answer(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct introspection *introspection = user;
    AUTO_JSON json_t *json = NULL;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else if (answer_read(answer, &json, &fail) == CPS_OK &&
             !json_is_boolean(json_object_get(json, "active")))
        fail_reason(&fail, CPS_PROVIDER_ANSWER, "active", "it does not say whether it is active");
    if (fail.code == CPS_OK) {
        request_reply(introspection->request, result_of(json));
        return;
    }
    fail_add(&fail, "token introspection");
    request_fail(introspection->request, &fail);
}

static cps_error ask(struct introspection *introspection, const struct oidc_session *session,
                     struct fail *fail)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(2 * FORM_MAX);
    struct client_post post = {.provider = session->provider,
                               .url = session->provider->endpoints.introspection,
                               .form = &form,
                               .deadline_ms = introspection->request->deadline_ms};

    if (session->tokens.access_token == NULL)
        return fail_set(fail, CPS_TOKEN_UNAVAILABLE, "the session has no access token");
    if (post.url == NULL)
        return fail_reason(fail, CPS_PROVIDER_DISCOVERY, "introspection_endpoint",
                           "the provider names no introspection endpoint");
    form_add(&form, "token", session->tokens.access_token);
    form_add(&form, "token_type_hint", "access_token");
    return client_auth_post(&post, &introspection->call, on_answer, introspection, fail);
}

void introspect_start(struct request *request, struct oidc_session *session)
{
    struct introspection *introspection = calloc(1, sizeof *introspection);
    struct fail fail = FAIL_INIT;

    if (introspection == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    introspection->request = request;
    request_set_flow(request, introspection, introspection_free, NULL);
    if (ask(introspection, session, &fail) != CPS_OK)
        request_fail(request, &fail);
}
