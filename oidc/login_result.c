/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/login_result.h"

#include <string.h>

#include "base/json.h"
#include "oidc/ciba_params.h"
#include "oidc/farewell.h"
#include "oidc/idtoken.h"

/* Short claims that are passed on. */
#define WORD_MAX 64
#define AMR_MAX  8

static cps_error reject(struct fail *fail, const char *reason, const char *why)
{
    return fail_reason(fail, CPS_ID_TOKEN_REJECTED, reason, "%s", why);
}

/* The ID token's, else UserInfo's; both say the same when both say it. */
static cps_error settle_subject(const struct login *login, const json_t *userinfo,
                                const char **ret_subject, struct fail *fail)
{
    const struct profile *profile = login->provider->profile;
    const char *claim = profile->claim_national_id;
    const char *signed_one = claim != NULL ? json_get_string(login->claims, claim) : NULL;
    const char *other = json_get_string(userinfo, "SubjectNameID");
    const char *subject = signed_one != NULL ? signed_one : other;

    if (signed_one != NULL && other != NULL && strcmp(signed_one, other) != 0)
        return reject(fail, "userinfo_subject", "UserInfo names another person");
    if (subject == NULL ? claim != NULL : !ciba_identifier_valid(subject))
        return reject(fail, "subject", "no usable identifier of the person");
    *ret_subject = subject;
    return CPS_OK;
}

static void set_word(json_t *result, const char *name, const char *word)
{
    if (word != NULL && word[0] != '\0' && strlen(word) <= WORD_MAX)
        json_object_set_new(result, name, json_string(word));
}

static void set_amr(json_t *result, const json_t *claims)
{
    json_t *amr = json_array();
    size_t i;
    json_t *method;

    json_array_foreach (json_object_get(claims, "amr"), i, method)
        if (json_is_string(method) && json_string_length(method) <= WORD_MAX && i < AMR_MAX)
            json_array_append(amr, method);
    if (json_array_size(amr) > 0)
        json_object_set(result, "amr", amr);
    json_decref(amr);
}

static int64_t auth_at(struct login *login)
{
    int64_t at = idtoken_auth_time(login->claims);

    if (at == 0) {
        login_warn(login, "auth_time_absent");
        at = json_get_int(login->claims, "iat", 0);
    }
    return at;
}

static void set_tokens(json_t *result, const struct tokens *tokens, const json_t *claims)
{
    json_object_set_new(result, "id_token", json_string(tokens->id_token));
    json_object_set(result, "id_token_exp_at", json_object_get(claims, "exp"));
    json_object_set_new(result, "access_token", json_string(tokens->access_token));
    json_object_set_new(result, "access_token_exp_at", json_integer(tokens->access_token_exp_at));
}

/* The identifier may be written in another form than the one asked: accepted, and told. */
static void warn_form(struct login *login, const char *subject)
{
    bool other_form = false;

    if (login->login_hint != NULL && subject != NULL &&
        idtoken_subject_fits(subject, login->login_hint, &other_form) && other_form)
        login_warn(login, "subject_form");
}

static void set_sid(struct oidc_session *session, const char *sid)
{
    if (sid != NULL && strlen(sid) <= STORE_SID_MAX)
        memcpy(session->sid, sid, strlen(sid) + 1);
}

cps_error login_result(struct login *login, json_t *userinfo, json_t **ret_result,
                       struct fail *fail)
{
    const char *sub = json_get_string(login->claims, "sub");
    const char *mode = json_get_string(login->claims, "authMode");
    const char *subject = NULL;
    struct oidc_session *session;
    json_t *result;

    if (settle_subject(login, userinfo, &subject, fail) != CPS_OK)
        return fail->code;
    session = store_add(&login->request->oidcd->store, login->provider, sub, login->nonce,
                        &login->tokens);
    if (session == NULL)
        return fail_set(fail, CPS_TOO_MANY_REQUESTS, "too many provider sessions are open");
    session->auth_at = auth_at(login);
    set_sid(session, json_get_string(login->claims, "sid"));
    farewells_withdraw(login->request->oidcd, login->provider, session->sid);
    result =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:O}", "handle", session->handle, "provider",
                  login->provider->name, "kind", profile_kind_name(login->provider->profile->kind),
                  "issuer", login->provider->profile->issuer, "sub", sub, "userinfo", userinfo);
    set_word(result, "subject_name_id", subject);
    set_word(result, "acr", json_get_string(login->claims, "acr"));
    set_word(result, "auth_mode", mode != NULL ? mode : json_get_string(userinfo, "authMode"));
    set_amr(result, login->claims);
    json_object_set_new(result, "auth_at", json_integer(session->auth_at));
    set_tokens(result, &session->tokens, login->claims);
    warn_form(login, subject);
    json_object_set(result, "warnings", login->warnings);
    *ret_result = result;
    return CPS_OK;
}
