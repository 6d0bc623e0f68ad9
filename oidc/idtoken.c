/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/idtoken.h"

#include <openssl/crypto.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "oidc/pkce.h"

/* What is wrong, or NULL. */
typedef const char *check_fn(const json_t *claims, const struct idtoken_expect *expect);

static bool same(const char *a, const char *b)
{
    return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool same_secret(const char *a, const char *b)
{
    size_t len = strlen(b);

    return a != NULL && strlen(a) == len && CRYPTO_memcmp(a, b, len) == 0;
}

static const char *check_iss(const json_t *claims, const struct idtoken_expect *expect)
{
    return same(json_get_string(claims, "iss"), expect->issuer) ? NULL : "another issuer";
}

static const char *check_sub(const json_t *claims, const struct idtoken_expect *expect)
{
    const char *sub = json_get_string(claims, "sub");
    size_t len = sub != NULL ? strlen(sub) : 0;

    if (len == 0 || len > IDTOKEN_SUB_MAX)
        return "no subject, or one of the wrong form";
    for (size_t i = 0; i < len; i++)
        if (sub[i] < ' ' || sub[i] > '~')
            return "subject is not ASCII";
    return expect->sub == NULL || same(sub, expect->sub) ? NULL : "another subject than at login";
}

static const char *check_aud(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *aud = json_object_get(claims, "aud");
    bool found = false;
    size_t i;
    json_t *one;

    if (json_is_string(aud))
        return same(json_string_value(aud), expect->client_id) ? NULL : "for another client";
    json_array_foreach (aud, i, one) {
        if (!json_is_string(one))
            return "audience is not text";
        found = found || same(json_string_value(one), expect->client_id);
    }
    return found ? NULL : "for another client";
}

static const char *check_azp(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *azp = json_object_get(claims, "azp");

    if (azp == NULL)
        return json_array_size(json_object_get(claims, "aud")) > 1
                   ? "several audiences and no authorized party"
                   : NULL;
    return same(json_string_value(azp), expect->client_id) ? NULL : "another authorized party";
}

static const char *check_exp(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *exp = json_object_get(claims, "exp");

    if (!json_is_integer(exp))
        return "no expiry, or not a number";
    return json_integer_value(exp) > clock_real_s() - expect->leeway_s
               ? NULL
               : "expired: check the clock of this station";
}

static const char *check_iat(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *iat = json_object_get(claims, "iat");

    if (!json_is_integer(iat))
        return "no date of issue, or not a number";
    if (json_integer_value(iat) > clock_real_s() + expect->leeway_s)
        return "issued in the future: check the clock of this station";
    return json_integer_value(iat) < json_get_int(claims, "exp", 0) ? NULL : "issued after expiry";
}

static const char *check_nbf(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *nbf = json_object_get(claims, "nbf");

    if (nbf == NULL)
        return NULL;
    return json_is_integer(nbf) && json_integer_value(nbf) <= clock_real_s() + expect->leeway_s
               ? NULL
               : "not valid yet";
}

static const char *check_nonce(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *nonce = json_object_get(claims, "nonce");

    if (expect->nonce == NULL || (nonce == NULL && expect->nonce_optional))
        return NULL;
    return same_secret(json_string_value(nonce), expect->nonce) ? NULL : "of another request";
}

/* OpenID CIBA Core section 10.3.1; providers need not put it in the tokens of poll mode. */
static const char *check_auth_req_id(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *id = json_object_get(claims, "urn:openid:params:jwt:claim:auth_req_id");

    if (expect->auth_req_id == NULL || id == NULL)
        return NULL;
    return same_secret(json_string_value(id), expect->auth_req_id) ? NULL : "of another request";
}

static const char *check_subject(const json_t *claims, const struct idtoken_expect *expect)
{
    const char *claim = expect->subject_claim != NULL ? expect->subject_claim : "SubjectNameID";
    const json_t *subject = json_object_get(claims, claim);
    bool other_form;

    if (expect->login_hint == NULL)
        return NULL;
    return json_is_string(subject) &&
                   idtoken_subject_fits(json_string_value(subject), expect->login_hint, &other_form)
               ? NULL
               : "about another person than the one asked for";
}

static const char *check_at_hash(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *at_hash = json_object_get(claims, "at_hash");
    char hash[PKCE_HALF_HASH_SIZE];

    if (at_hash == NULL || expect->access_token == NULL)
        return NULL;
    return pkce_half_hash(expect->access_token, hash) && same(json_string_value(at_hash), hash)
               ? NULL
               : "goes with another access token";
}

static const char *check_typ(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *typ = json_object_get(claims, "typ");

    if (typ == NULL && !expect->typ_required)
        return NULL;
    return same(json_string_value(typ), "ID") ? NULL : "not an ID token";
}

static const char *check_acr(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *acr = json_object_get(claims, "acr");

    if (acr == NULL)
        return expect->acr_absent_accepted ? NULL : "no level of authentication";
    if (expect->accepted_acr[0] == NULL)
        return NULL;
    for (char *const *accepted = expect->accepted_acr; *accepted != NULL; accepted++)
        if (same(json_string_value(acr), *accepted))
            return NULL;
    return "level of authentication not accepted";
}

int64_t idtoken_auth_time(const json_t *claims)
{
    return json_get_int(claims, "auth_time", 0);
}

static const char *check_auth_time(const json_t *claims, const struct idtoken_expect *expect)
{
    const json_t *value = json_object_get(claims, "auth_time");
    int64_t at = idtoken_auth_time(claims);
    int64_t now = clock_real_s();
    int64_t oldest = expect->max_age_s >= 0 ? expect->max_age_s : IDTOKEN_SESSION_S;

    if (value != NULL && !json_is_integer(value))
        return "time of authentication is not a number";
    if (at == 0)
        return expect->max_age_s >= 0 ? "no time of authentication" : NULL;
    if (at > now + expect->leeway_s)
        return "authenticated in the future";
    if (at < now - oldest - expect->leeway_s)
        return "authenticated too long ago";
    return at + expect->leeway_s >= expect->auth_not_before ? NULL
                                                            : "authenticated before the request";
}

cps_error idtoken_check(const json_t *claims, const struct idtoken_expect *expect,
                        struct fail *fail)
{
    static const struct {
        const char *reason;
        check_fn *check;
    } checks[] = {
        {"iss", check_iss},
        {"sub", check_sub},
        {"aud", check_aud},
        {"azp", check_azp},
        {"exp", check_exp},
        {"iat", check_iat},
        {"nbf", check_nbf},
        {"nonce", check_nonce},
        {"auth_req_id", check_auth_req_id},
        {"subject", check_subject},
        {"at_hash", check_at_hash},
        {"typ", check_typ},
        {"acr", check_acr},
        {"auth_time", check_auth_time},
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const char *why = checks[i].check(claims, expect);

        if (why != NULL)
            return fail_reason(fail, CPS_ID_TOKEN_REJECTED, checks[i].reason, "%s", why);
    }
    return CPS_OK;
}

#define RPPS_LEN 11

static bool is_rpps(const char *text)
{
    return strlen(text) == RPPS_LEN && strspn(text, "0123456789") == RPPS_LEN;
}

bool idtoken_subject_fits(const char *subject, const char *login_hint, bool *ret_other_form)
{
    *ret_other_form = false;
    if (strcmp(subject, login_hint) == 0)
        return true;
    *ret_other_form = (is_rpps(subject) && login_hint[0] == '8' && same(login_hint + 1, subject)) ||
                      (is_rpps(login_hint) && subject[0] == '8' && same(subject + 1, login_hint));
    return *ret_other_form;
}
