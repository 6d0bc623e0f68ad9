/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/logout.h"

#include <stdlib.h>

#include "base/log.h"
#include "oidc/client_auth.h"

struct logout {
    struct request *request;
    struct provider *provider;
    struct tokens tokens;
    struct http_call *call;
    bool ended;
};

static void logout_free(void *flow)
{
    struct logout *logout = flow;

    http_cancel(&logout->call);
    tokens_done(&logout->tokens);
    free(logout);
}

static void finish(void *flow)
{
    struct logout *logout = flow;

    request_reply(logout->request, json_pack("{s:b}", "ended", logout->ended));
}

static void on_revoked(void *user, const struct http_answer *answer, const struct fail *why)
{
    (void)why;
    if (answer == NULL || answer->status != 200)
        log_info("the refresh token was not revoked");
    finish(user);
}

static void revoke_token(struct logout *logout)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = logout->provider,
                               .url = logout->provider->endpoints.revocation,
                               .form = &form,
                               .deadline_ms = logout->request->deadline_ms};
    struct fail fail = FAIL_INIT;

    if (post.url == NULL || logout->tokens.refresh_token == NULL) {
        finish(logout);
        return;
    }
    form_add(&form, "token", (const char *)secret_data(logout->tokens.refresh_token));
    form_add(&form, "token_type_hint", "refresh_token");
    if (client_auth_post(&post, &logout->call, on_revoked, logout, &fail) != CPS_OK)
        finish(logout);
}

/* Providers answer at once, by a redirect or by a page: all mean that the request was taken. */
static void on_ended(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct logout *logout = user;

    (void)why;
    logout->ended = answer != NULL && answer->status >= 200 && answer->status < 400;
    if (!logout->ended)
        log_warning("%s did not end its session", logout->provider->name);
    revoke_token(logout);
}

/* The ID token may have expired: as a hint it still names the session. */
static void end_session(struct logout *logout)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(2 * FORM_MAX);
    struct http_request request = {.provider = logout->provider,
                                   .url = logout->provider->endpoints.end_session,
                                   .accept = "application/json, text/html;q=0.5",
                                   .deadline_ms = logout->request->deadline_ms};
    struct fail fail = FAIL_INIT;

    form_add(&form, "id_token_hint", logout->tokens.id_token);
    form_add(&form, "client_id", logout->provider->profile->client_id);
    request.form = buffer_text(&form);
    if (request.url == NULL || request.form == NULL ||
        http_start(logout->provider->http, &request, &logout->call, on_ended, logout, &fail) !=
            CPS_OK)
        revoke_token(logout);
}

void logout_start(struct request *request, struct oidc_session *session)
{
    struct logout *logout = calloc(1, sizeof *logout);
    struct fail fail = FAIL_INIT;

    if (logout != NULL) {
        logout->request = request;
        logout->provider = session->provider;
        logout->tokens = session->tokens;
        session->tokens = (struct tokens){0};
    }
    store_remove(session->store, session, NULL);
    if (logout == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    request_set_flow(request, logout, logout_free, finish);
    end_session(logout);
}
