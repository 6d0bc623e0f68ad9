/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/logout.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "oidc/client_auth.h"
#include "oidc/farewell.h"

struct logout {
    struct request *request;
    struct provider *provider;
    struct tokens tokens;
    char sid[STORE_SID_MAX + 1];
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

/* What was not heard, if anything, is told again; the caller does not wait for that. */
static void finish(void *flow)
{
    struct logout *logout = flow;
    struct farewell_words words = {.tokens = logout->tokens};

    http_cancel(&logout->call);
    if (words.tokens.id_token != NULL || words.tokens.refresh_token != NULL) {
        logout->tokens = (struct tokens){0};
        memcpy(words.sid, logout->sid, sizeof words.sid);
        farewell_add(logout->request->oidcd, logout->provider, &words);
    } else {
        farewell_report(logout->provider, logout->ended, 1);
    }
    request_reply(logout->request, json_pack("{s:b}", "ended", logout->ended));
}

bool logout_heard(const struct http_answer *answer)
{
    return answer != NULL && answer->status < 500 && answer->status != 429;
}

static void forget_refresh_token(struct logout *logout)
{
    secret_free(logout->tokens.refresh_token);
    logout->tokens.refresh_token = NULL;
}

static void on_revoked(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct logout *logout = user;

    (void)why;
    if (answer == NULL || answer->status != 200)
        log_info("the refresh token was not revoked");
    if (logout_heard(answer))
        forget_refresh_token(logout);
    finish(user);
}

cps_error logout_revoke(struct provider *provider, const struct tokens *tokens, int64_t deadline_ms,
                        struct http_call **slot, http_done_fn *done, void *user, struct fail *fail)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = provider,
                               .url = provider->endpoints.revocation,
                               .form = &form,
                               .deadline_ms = deadline_ms};

    if (post.url == NULL)
        return fail_set(fail, CPS_PROVIDER_DISCOVERY, "no revocation endpoint");
    form_add(&form, "token", (const char *)secret_data(tokens->refresh_token));
    form_add(&form, "token_type_hint", "refresh_token");
    return client_auth_post(&post, slot, done, user, fail);
}

static void revoke_token(struct logout *logout)
{
    struct fail fail = FAIL_INIT;

    if (logout->tokens.refresh_token != NULL &&
        logout_revoke(logout->provider, &logout->tokens, logout->request->deadline_ms,
                      &logout->call, on_revoked, logout, &fail) == CPS_OK)
        return;
    forget_refresh_token(logout);
    finish(logout);
}

static void forget_id_token(struct logout *logout)
{
    wipe_free(logout->tokens.id_token);
    logout->tokens.id_token = NULL;
}

/* Providers answer at once, by a redirect or by a page: all mean that the request was taken. */
static void on_ended(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct logout *logout = user;

    (void)why;
    logout->ended = answer != NULL && answer->status >= 200 && answer->status < 400;
    if (!logout->ended)
        log_warning("%s did not end its session", logout->provider->name);
    if (logout_heard(answer))
        forget_id_token(logout);
    revoke_token(logout);
}

/* The ID token may have expired: as a hint it still names the session. */
cps_error logout_end_session(struct provider *provider, const struct tokens *tokens,
                             int64_t deadline_ms, struct http_call **slot, http_done_fn *done,
                             void *user, struct fail *fail)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(2 * FORM_MAX);
    struct http_request request = {.provider = provider,
                                   .url = provider->endpoints.end_session,
                                   .accept = "application/json, text/html;q=0.5",
                                   .deadline_ms = deadline_ms};

    form_add(&form, "id_token_hint", tokens->id_token);
    form_add(&form, "client_id", provider->profile->client_id);
    request.form = buffer_text(&form);
    if (request.url == NULL || request.form == NULL)
        return fail_set(fail, CPS_PROVIDER_DISCOVERY, "no end_session endpoint");
    return http_start(provider->http, &request, slot, done, user, fail);
}

static void end_session(struct logout *logout)
{
    struct fail fail = FAIL_INIT;

    if (logout->tokens.id_token != NULL &&
        logout_end_session(logout->provider, &logout->tokens, logout->request->deadline_ms,
                           &logout->call, on_ended, logout, &fail) == CPS_OK)
        return;
    forget_id_token(logout);
    revoke_token(logout);
}

void logout_start(struct request *request, struct oidc_session *session)
{
    struct logout *logout;
    struct fail fail = FAIL_INIT;

    if (store_is_shared(session)) {
        store_remove(session->store, session, NULL);
        request_reply(request, json_pack("{s:b}", "ended", 0));
        return;
    }
    logout = calloc(1, sizeof *logout);
    if (logout != NULL) {
        logout->request = request;
        logout->provider = session->provider;
        logout->tokens = session->tokens;
        memcpy(logout->sid, session->sid, sizeof logout->sid);
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
