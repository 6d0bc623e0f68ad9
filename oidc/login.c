/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/login.h"

#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/http.h"
#include "oidc/idtoken.h"
#include "oidc/jws.h"
#include "oidc/login_result.h"
#include "oidc/metadata.h"
#include "oidc/userinfo.h"

static void ask_userinfo(struct login *login);

void login_init(struct login *login, struct request *request, struct provider *provider)
{
    *login = (struct login){
        .request = request, .provider = provider, .max_age_s = -1, .warnings = json_array()};
}

void login_done(struct login *login)
{
    http_cancel(&login->call);
    waiter_leave(&login->waiter);
    tokens_done(&login->tokens);
    wipe_free(login->login_hint);
    wipe_free(login->auth_req_id);
    json_decref(login->claims);
    json_decref(login->warnings);
}

void login_warn(struct login *login, const char *word)
{
    json_array_append_new(login->warnings, json_string(word));
}

static void on_metadata(void *user, const struct fail *fail)
{
    struct login *login = user;

    if (fail != NULL)
        request_fail(login->request, fail);
    else
        login->next(login);
}

void login_prepare(struct login *login, void (*next)(struct login *login))
{
    struct fail fail = FAIL_INIT;

    login->next = next;
    if (metadata_ready(login->provider))
        next(login);
    else if (metadata_fetch(login->provider, &login->waiter, on_metadata, login, &fail) != CPS_OK)
        request_fail(login->request, &fail);
}

static void refuse(struct login *login, cps_error code, const char *reason, const char *why)
{
    struct fail fail = FAIL_INIT;

    fail_reason(&fail, code, reason, "%s", why);
    request_fail(login->request, &fail);
}

static void finish(struct login *login, json_t *userinfo)
{
    struct fail fail = FAIL_INIT;
    json_t *result = NULL;

    if (login_result(login, userinfo, &result, &fail) == CPS_OK)
        request_reply(login->request, result);
    else
        request_fail(login->request, &fail);
}

static void on_userinfo(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct login *login = user;
    AUTO_JSON json_t *raw = NULL;
    AUTO_JSON json_t *userinfo = NULL;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else
        userinfo_claims(answer, login->provider, &raw, &fail);
    if (answer != NULL && fail.code == CPS_PROVIDER_UNAVAILABLE && !login->userinfo_again) {
        login->userinfo_again = true;
        ask_userinfo(login);
        return;
    }
    if (raw != NULL)
        userinfo_read(raw, login->claims, login->provider->profile, &userinfo, &fail);
    if (userinfo != NULL) {
        finish(login, userinfo);
        return;
    }
    if (fail.code == CPS_PROVIDER_CLIENT) /* the access token is refused, not our credential */
        fail.code = CPS_PROVIDER_ANSWER;
    fail_add(&fail, "UserInfo");
    request_fail(login->request, &fail);
}

static void ask_userinfo(struct login *login)
{
    AUTO_BUFFER struct buffer bearer = BUFFER_INIT(TOKEN_ACCESS_MAX + 16);
    struct http_request request = {.provider = login->provider,
                                   .url = login->provider->endpoints.userinfo,
                                   .accept = HTTP_ACCEPT_JSON,
                                   .deadline_ms = login->request->deadline_ms,
                                   .certified = true};
    struct fail fail = FAIL_INIT;

    buffer_add_text(&bearer, "Bearer ");
    buffer_add_text(&bearer, login->tokens.access_token);
    request.authorization = buffer_text(&bearer);
    if (http_start(login->provider->http, &request, &login->call, on_userinfo, login, &fail) !=
        CPS_OK)
        request_fail(login->request, &fail);
}

static cps_error check_claims(struct login *login, struct fail *fail)
{
    const struct profile *profile = login->provider->profile;
    bool ciba = login->login_hint != NULL;
    struct idtoken_expect expect = {
        .issuer = profile->issuer,
        .client_id = profile->client_id,
        .nonce = ciba ? NULL : login->nonce,
        .auth_req_id = login->auth_req_id,
        .login_hint = login->login_hint,
        .subject_claim = profile->claim_national_id,
        .access_token = login->tokens.access_token,
        .accepted_acr = profile->accepted_acr,
        .acr_absent_accepted = profile->acr_absent_accepted,
        .typ_required = profile->psc,
        .leeway_s = profile->leeway_s,
        .max_age_s = login->max_age_s,
        .auth_not_before = ciba ? login->started_at : 0,
    };

    return idtoken_check(login->claims, &expect, fail);
}

static void check_id_token(struct login *login);

static void on_keys(void *user, const struct fail *fail)
{
    struct login *login = user;

    if (fail != NULL)
        request_fail(login->request, fail);
    else
        check_id_token(login);
}

/* An unknown key may be a new one: fetch the keys, once. */
static bool wait_for_keys(struct login *login)
{
    if (login->keys_fetched)
        return false;
    login->keys_fetched = true;
    return metadata_fetch_keys(login->provider, &login->waiter, on_keys, login);
}

static void check_id_token(struct login *login)
{
    AUTO_WIPED char *payload = NULL;
    AUTO_JSON json_t *userinfo = NULL;
    size_t len = 0;
    struct fail fail = FAIL_INIT;
    enum jws_result result =
        jws_verify(login->tokens.id_token, login->provider->keys, &payload, &len, &fail);

    if (result == JWS_UNKNOWN_KEY && wait_for_keys(login))
        return;
    if (result != JWS_OK) {
        request_fail(login->request, &fail);
        return;
    }
    login->claims = json_parse_strict(payload, len);
    if (!json_is_object(login->claims))
        refuse(login, CPS_ID_TOKEN_REJECTED, "json", "claims are not a strict JSON object");
    else if (check_claims(login, &fail) != CPS_OK)
        request_fail(login->request, &fail);
    else if (login->provider->endpoints.userinfo != NULL)
        ask_userinfo(login);
    else if (userinfo_read(login->claims, login->claims, login->provider->profile, &userinfo,
                           &fail) == CPS_OK)
        finish(login, userinfo);
    else
        request_fail(login->request, &fail);
}

void login_finish(struct login *login, const struct http_answer *answer)
{
    struct fail fail = FAIL_INIT;

    if (tokens_read(answer, &login->tokens, &fail) != CPS_OK)
        request_fail(login->request, &fail);
    else if (login->tokens.id_token == NULL)
        refuse(login, CPS_ID_TOKEN_REJECTED, "missing", "no ID token");
    else
        check_id_token(login);
}
