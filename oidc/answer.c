/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/answer.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

static bool is_json(const char *type)
{
    return strcmp(type, "application/json") == 0 || strcmp(type, "application/jwk-set+json") == 0;
}

/* The "error" member (RFC 6749 section 5.2) if it looks like one, or "". */
static void oauth_error(const struct http_answer *answer, char error[static FAIL_REASON_LEN])
{
    AUTO_JSON json_t *body = NULL;
    const char *text = NULL;

    if (is_json(answer->type))
        body = json_parse_strict(answer->body, answer->len);
    text = json_get_string(body, "error");
    if (text == NULL || strlen(text) >= FAIL_REASON_LEN ||
        text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")] != '\0')
        text = "";
    snprintf(error, FAIL_REASON_LEN, "%s", text);
}

static cps_error refused(const struct http_answer *answer, struct fail *fail)
{
    char error[FAIL_REASON_LEN];
    const char *reason;
    bool about_us;

    oauth_error(answer, error);
    reason = error[0] != '\0' ? error : "status";
    about_us = strcmp(error, "invalid_client") == 0 || strcmp(error, "unauthorized_client") == 0 ||
               (error[0] == '\0' && (answer->status == 401 || answer->status == 403));
    return fail_reason(fail, about_us ? CPS_PROVIDER_CLIENT : CPS_PROVIDER_ANSWER, reason,
                       "HTTP status %ld%s%s", answer->status, error[0] != '\0' ? ", " : "", error);
}

static cps_error wrong(struct fail *fail, const char *reason, const char *why)
{
    return fail_reason(fail, CPS_PROVIDER_ANSWER, reason, "%s", why);
}

cps_error answer_read(const struct http_answer *answer, json_t **ret_json, struct fail *fail)
{
    AUTO_JSON json_t *json = NULL;

    if (answer->status >= 500 || answer->status == 429)
        return fail_reason(fail, CPS_PROVIDER_UNAVAILABLE, "status", "HTTP status %ld",
                           answer->status);
    if (answer->status >= 400)
        return refused(answer, fail);
    if (answer->status >= 300)
        return wrong(fail, "redirect", "a redirect, which is not followed");
    if (answer->status != 200)
        return wrong(fail, "status", "an HTTP status other than 200");
    if (!is_json(answer->type))
        return wrong(fail, "content_type", "not declared as JSON");
    json = json_parse_strict(answer->body, answer->len);
    if (!json_is_object(json))
        return wrong(fail, "json", "not a JSON object");
    *ret_json = TAKE_PTR(json);
    return CPS_OK;
}
