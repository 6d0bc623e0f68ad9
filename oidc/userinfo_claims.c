/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "oidc/answer.h"
#include "oidc/buffer.h"
#include "oidc/jws.h"
#include "oidc/userinfo.h"

static bool is(const json_t *value, const char *text)
{
    return json_is_string(value) && strcmp(json_string_value(value), text) == 0;
}

/* A signed UserInfo may leave iss and aud out; what is there must be right. */
static bool is_for_us(const json_t *claims, const struct profile *profile)
{
    const json_t *iss = json_object_get(claims, "iss");
    const json_t *aud = json_object_get(claims, "aud");
    bool found = aud == NULL || is(aud, profile->client_id);
    size_t i;
    json_t *one;

    json_array_foreach (aud, i, one)
        found = found || is(one, profile->client_id);
    return found && (iss == NULL || is(iss, profile->issuer));
}

static cps_error open_jwt(const char *token, const struct provider *provider, json_t **ret_raw,
                          struct fail *fail)
{
    AUTO_WIPED char *payload = NULL;
    AUTO_JSON json_t *claims = NULL;
    struct fail why = FAIL_INIT;
    size_t len = 0;

    if (jws_verify(token, provider->keys, &payload, &len, &why) != JWS_OK)
        return fail_reason(fail, CPS_PROVIDER_ANSWER, "userinfo_jwt", "%s", why.causes[0]);
    claims = json_parse_strict(payload, len);
    if (!json_is_object(claims) || !is_for_us(claims, provider->profile))
        return fail_reason(fail, CPS_PROVIDER_ANSWER, "userinfo_jwt", "not for this client");
    *ret_raw = TAKE_PTR(claims);
    return CPS_OK;
}

cps_error userinfo_claims(const struct http_answer *answer, const struct provider *provider,
                          json_t **ret_raw, struct fail *fail)
{
    if (answer->status == 200 && strcmp(answer->type, "application/jwt") == 0)
        return open_jwt(answer->body, provider, ret_raw, fail);
    return answer_read(answer, ret_raw, fail);
}
