/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/refresh.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "oidc/client_auth.h"
#include "oidc/idtoken.h"
#include "oidc/jws.h"
#include "oidc/metadata.h"

/* One caller. The work itself belongs to the session and outlives the callers. */
struct refresh {
    struct request *request;
    struct waiter waiter;
    char handle[PKCE_VALUE_SIZE];
};

static void refresh_free(void *flow)
{
    struct refresh *refresh = flow;

    waiter_leave(&refresh->waiter);
    free(refresh);
}

static void on_landed(void *user, const struct fail *fail)
{
    struct refresh *refresh = user;
    const struct oidc_session *session =
        store_find(&refresh->request->oidcd->store, refresh->handle);
    json_t *result;

    if (fail != NULL) {
        request_fail(refresh->request, fail);
        return;
    }
    result = json_pack("{s:s, s:I}", "access_token", session->tokens.access_token,
                       "access_token_exp_at", (json_int_t)session->tokens.access_token_exp_at);
    if (session->id_token_exp_at != 0) {
        json_object_set_new(result, "id_token", json_string(session->tokens.id_token));
        json_object_set_new(result, "id_token_exp_at", json_integer(session->id_token_exp_at));
    }
    request_reply(refresh->request, result);
}

static void land(struct oidc_session *session, const struct fail *fail)
{
    session->refreshing = false;
    tokens_done(&session->fresh);
    flight_land(&session->refresh, fail);
}

/* The provider's word on this session cannot be trusted any more, or it is over: close it. */
static void close_session(struct oidc_session *session, const struct fail *fail)
{
    store_remove(session->store, session, fail);
}

/*
 * New tokens in, old ones out; what the answer left out stays. The refresh token was replaced
 * already.
 */
static void adopt(struct oidc_session *session, int64_t id_token_exp_at)
{
    struct tokens *tokens = &session->tokens;
    struct tokens *fresh = &session->fresh;

    wipe_free(tokens->access_token);
    tokens->access_token = TAKE_PTR(fresh->access_token);
    tokens->access_token_exp_at = fresh->access_token_exp_at;
    if (fresh->id_token != NULL) {
        wipe_free(tokens->id_token);
        tokens->id_token = TAKE_PTR(fresh->id_token);
    }
    session->id_token_exp_at = id_token_exp_at;
    land(session, NULL);
}

/* OpenID Connect Core section 12.2: the same person, issuer and client; the nonce may be left out.
 */
static cps_error check_claims(const struct oidc_session *session, const json_t *claims,
                              struct fail *fail)
{
    const struct profile *profile = session->provider->profile;
    struct idtoken_expect expect = {
        .issuer = profile->issuer,
        .client_id = profile->client_id,
        .nonce = session->nonce[0] != '\0' ? session->nonce : NULL,
        .nonce_optional = true,
        .sub = session->sub,
        .access_token = session->fresh.access_token,
        .accepted_acr = profile->accepted_acr,
        .acr_absent_accepted = profile->acr_absent_accepted,
        .typ_required = profile->psc,
        .leeway_s = profile->leeway_s,
        .max_age_s = -1,
    };

    return idtoken_check(claims, &expect, fail);
}

/* Providers that do not rotate may give the same one again. */
static bool same_token(const struct oidc_session *session)
{
    const struct secret *fresh = session->fresh.refresh_token;
    const struct secret *old = session->tokens.refresh_token;

    return secret_len(fresh) == secret_len(old) &&
           CRYPTO_memcmp(secret_data(fresh), secret_data(old), secret_len(old)) == 0;
}

static void check_id_token(struct oidc_session *session, bool may_fetch_keys);

static void on_keys(void *user, const struct fail *fail)
{
    struct oidc_session *session = user;

    if (fail != NULL)
        close_session(session, fail);
    else
        check_id_token(session, false);
}

static void check_id_token(struct oidc_session *session, bool may_fetch_keys)
{
    AUTO_WIPED char *payload = NULL;
    AUTO_JSON json_t *claims = NULL;
    struct fail fail = FAIL_INIT;
    size_t len = 0;
    enum jws_result result =
        jws_verify(session->fresh.id_token, session->provider->keys, &payload, &len, &fail);

    if (result == JWS_UNKNOWN_KEY && may_fetch_keys &&
        metadata_fetch_keys(session->provider, &session->keys, on_keys, session))
        return;
    if (result == JWS_OK)
        claims = json_parse_strict(payload, len);
    if (result == JWS_OK && !json_is_object(claims))
        fail_reason(&fail, CPS_ID_TOKEN_REJECTED, "json", "claims are not a strict JSON object");
    if (fail.code == CPS_OK)
        check_claims(session, claims, &fail);
    if (fail.code != CPS_OK)
        close_session(session, &fail);
    else
        adopt(session, json_get_int(claims, "exp", 0));
}

/*
 * The request has left and no answer came, or a good one that cannot be read: the provider may have
 * spent the token. Sent again, it would look stolen and close more than this session (RFC 9700
 * section 4.14), so it is given up: unless this provider is known to leave its refresh tokens as
 * they are.
 */
static bool is_lost(const struct oidc_session *session, const struct http_answer *answer,
                    const struct fail *fail)
{
    if (session->reusable || fail->code == CPS_OK)
        return false;
    return answer == NULL ? session->sent : answer->status >= 200 && answer->status < 300;
}

static void on_answer(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct oidc_session *session = user;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else
        tokens_read(answer, &session->fresh, &fail);
    if (is_lost(session, answer, &fail)) {
        fail_reason(&fail, CPS_LOGIN_EXPIRED, "refresh_lost",
                    "the provider's answer to a refresh was lost");
        close_session(session, &fail);
        return;
    }
    if (strcmp(fail.reason, "invalid_grant") == 0) {
        fail.code = CPS_LOGIN_EXPIRED;
        close_session(session, &fail);
        return;
    }
    if (fail.code != CPS_OK)
        rest_begin(&session->rest, answer != NULL ? answer->retry_after_s : 0);
    else
        rest_end(&session->rest);
    if (fail.code != CPS_OK) {
        fail_add(&fail, "token refresh");
        land(session, &fail);
        return;
    }
    session->reusable = session->fresh.refresh_token == NULL || same_token(session);
    /* Rotated: the old one is spent whatever is wrong with the rest of the answer. */
    if (session->fresh.refresh_token != NULL) {
        secret_free(session->tokens.refresh_token);
        session->tokens.refresh_token = TAKE_PTR(session->fresh.refresh_token);
    }
    if (session->fresh.id_token != NULL)
        check_id_token(session, true);
    else
        adopt(session, 0);
}

/* No caller's deadline: the next caller gets what this one may not live to see. */
static cps_error take_off(struct oidc_session *session, struct fail *fail)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = session->provider,
                               .url = session->provider->endpoints.token,
                               .form = &form,
                               .deadline_ms = CLOCK_NEVER,
                               .once = true,
                               .ret_sent = &session->sent};

    session->sent = false;
    form_add(&form, "grant_type", "refresh_token");
    form_add(&form, "refresh_token", (const char *)secret_data(session->tokens.refresh_token));
    if (client_auth_post(&post, &session->refresh.call, on_answer, session, fail) != CPS_OK)
        return fail->code;
    session->refreshing = true;
    return CPS_OK;
}

cps_error refresh_join(struct oidc_session *session, struct waiter *waiter, flight_done_fn *done,
                       void *user, struct fail *fail)
{
    if (session->tokens.refresh_token == NULL)
        return fail_set(fail, CPS_TOKEN_UNAVAILABLE, "the provider gave no refresh token");
    if (clock_real_s() >= session->auth_at + IDTOKEN_SESSION_S)
        return fail_reason(fail, CPS_LOGIN_EXPIRED, "too_old",
                           "four hours after the login: log in anew");
    if (!session->refreshing && rest_lasts(&session->rest))
        return fail_reason(fail, CPS_PROVIDER_UNAVAILABLE, "resting",
                           "the provider failed a moment ago");
    if (!session->refreshing && take_off(session, fail) != CPS_OK)
        return fail->code;
    flight_join(&session->refresh, waiter, done, user);
    return CPS_OK;
}

void refresh_start(struct request *request, struct oidc_session *session)
{
    struct refresh *refresh = calloc(1, sizeof *refresh);
    struct fail fail = FAIL_INIT;

    if (refresh == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    refresh->request = request;
    memcpy(refresh->handle, session->handle, sizeof refresh->handle);
    request_set_flow(request, refresh, refresh_free, NULL);
    if (refresh_join(session, &refresh->waiter, on_landed, refresh, &fail) != CPS_OK)
        request_fail(request, &fail);
}
