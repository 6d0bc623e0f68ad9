/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/token_endpoint.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "oidc/answer.h"
#include "oidc/buffer.h"
#include "oidc/jws.h"

void tokens_done(struct tokens *tokens)
{
    wipe_free(tokens->access_token);
    wipe_free(tokens->id_token);
    secret_free(tokens->refresh_token);
    *tokens = (struct tokens){0};
}

/* Visible ASCII that needs no escape in JSON: then its length in a packet is known. */
static bool plain(const char *token, size_t max)
{
    size_t len = strnlen(token, max + 1);

    if (len == 0 || len > max)
        return false;
    for (size_t i = 0; i < len; i++)
        if (token[i] <= ' ' || token[i] > '~' || token[i] == '"' || token[i] == '\\')
            return false;
    return true;
}

static cps_error wrong(struct fail *fail, const char *reason)
{
    return fail_reason(fail, CPS_PROVIDER_ANSWER, reason, "token answer: %s", reason);
}

/* An optional string member; absent leaves *ret_token NULL. */
static cps_error take(const json_t *json, const char *member, size_t max, char **ret_token,
                      struct fail *fail)
{
    const json_t *value = json_object_get(json, member);
    const char *text = json_string_value(value);

    if (value == NULL || json_is_null(value))
        return CPS_OK;
    if (text == NULL || !plain(text, max))
        return wrong(fail, member);
    *ret_token = strdup(text);
    return *ret_token != NULL ? CPS_OK : fail_set(fail, CPS_INTERNAL, "out of memory");
}

static cps_error take_refresh(const json_t *json, struct secret **ret_secret, struct fail *fail)
{
    AUTO_WIPED char *text = NULL;
    AUTO_SECRET struct secret *secret = NULL;

    if (take(json, "refresh_token", SECRET_MAX - 1, &text, fail) != CPS_OK)
        return fail->code;
    if (text == NULL)
        return CPS_OK;
    secret = secret_new();
    if (secret == NULL || secret_set(secret, text, strlen(text)) < 0)
        return fail_set(fail, CPS_INTERNAL, "no memory for a secret");
    *ret_secret = TAKE_PTR(secret);
    return CPS_OK;
}

/* In seconds, within reason. */
static int64_t lifetime(const json_t *json)
{
    int64_t life = json_get_int(json, "expires_in", TOKEN_LIFE_S);

    if (life < 0)
        return 0;
    return life < TOKEN_LIFE_MAX_S ? life : TOKEN_LIFE_MAX_S;
}

cps_error tokens_read(const struct http_answer *answer, struct tokens *ret_tokens,
                      struct fail *fail)
{
    AUTO_JSON json_t *json = NULL;
    AUTO_TOKENS struct tokens tokens = {0};
    const char *type;

    if (answer_read(answer, &json, fail) != CPS_OK)
        return fail->code;
    type = json_get_string(json, "token_type");
    if (type == NULL || strcasecmp(type, "Bearer") != 0)
        return wrong(fail, "token_type");
    if (take(json, "access_token", TOKEN_ACCESS_MAX, &tokens.access_token, fail) != CPS_OK ||
        take(json, "id_token", HTTP_BODY_MAX, &tokens.id_token, fail) != CPS_OK ||
        take_refresh(json, &tokens.refresh_token, fail) != CPS_OK)
        return fail->code;
    if (tokens.access_token == NULL)
        return wrong(fail, "access_token");
    tokens.access_token_exp_at = clock_real_s() + lifetime(json);
    *ret_tokens = tokens;
    tokens = (struct tokens){0};
    return CPS_OK;
}
