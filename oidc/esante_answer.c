/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/esante_answer.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/util.h"

#define WORD "abcdefghijklmnopqrstuvwxyz_"

/* The "message" of an error body, or NULL: bodies are often empty. */
static const char *message_of(const struct http_answer *answer, json_t **ret_body)
{
    *ret_body = answer->len > 0 ? json_parse_strict(answer->body, answer->len) : NULL;
    return json_get_string(*ret_body, "message");
}

/* "<http> - <oauth code> : <description>": the code, when it looks like one. */
static void oauth_code(const char *message, char code[static FAIL_REASON_LEN])
{
    const char *at = message != NULL ? strstr(message, " - ") : NULL;
    size_t len = at != NULL ? strspn(at + 3, WORD) : 0;

    code[0] = '\0';
    if (len > 0 && len < FAIL_REASON_LEN)
        snprintf(code, FAIL_REASON_LEN, "%.*s", (int)len, at + 3);
}

static cps_error refused(const struct http_answer *answer, struct fail *fail)
{
    static const struct {
        const char *code;
        cps_error error;
    } known[] = {
        {"access_denied", CPS_LOGIN_REFUSED},    {"expired_token", CPS_LOGIN_EXPIRED},
        {"invalid_client", CPS_PROVIDER_CLIENT}, {"unauthorized_client", CPS_PROVIDER_CLIENT},
        {"unknown_user_id", CPS_PERSON_UNKNOWN},
    };
    AUTO_JSON json_t *body = NULL;
    char code[FAIL_REASON_LEN];

    oauth_code(message_of(answer, &body), code);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(code, known[i].code) == 0)
            return fail_reason(fail, known[i].error, code, "PSC answers the proxy: %s", code);
    return fail_reason(fail, CPS_LOGIN_REFUSED, code[0] != '\0' ? code : "status",
                       "PSC or the proxy refuse the login");
}

static cps_error wrong(struct fail *fail, const char *reason, const char *why)
{
    return fail_reason(fail, CPS_PROVIDER_ANSWER, reason, "%s", why);
}

static cps_error not_ok(const struct http_answer *answer, struct fail *fail)
{
    if (answer->status >= 500 || answer->status == 429)
        return fail_reason(fail, CPS_PROVIDER_UNAVAILABLE, "status", "HTTP status %ld",
                           answer->status);
    switch (answer->status) {
    case 304:
        return wrong(fail, "not_modified", "already connected, with a session that we do not have");
    case 400:
        return fail_reason(fail, CPS_PROVIDER_CLIENT, "bad_request",
                           "the proxy finds the request wrong");
    case 401:
        return refused(answer, fail);
    case 403:
        return fail_reason(fail, CPS_PROVIDER_CLIENT, "forbidden",
                           "the proxy refuses this station");
    case 404:
        return fail_reason(fail, CPS_PERSON_UNKNOWN, "not_found",
                           "the proxy does not know this person, or this software");
    default:
        return wrong(fail, "status", "an HTTP status that the proxy's API does not have");
    }
}

/* What may stand in a Cookie header (RFC 6265 section 4.1.1). */
static bool cookie_valid(const char *value)
{
    size_t len = strnlen(value, ESANTE_COOKIE_MAX + 1);

    if (len == 0 || len > ESANTE_COOKIE_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (value[i] <= ' ' || value[i] > '~' || strchr("\",;\\", value[i]) != NULL)
            return false;
    return true;
}

cps_error esante_read_connect(const struct http_answer *answer, struct secret **ret_cookie,
                              char state[static ESANTE_STATE_MAX + 1], struct fail *fail)
{
    AUTO_JSON json_t *body = NULL;
    AUTO_SECRET struct secret *cookie = NULL;
    const char *value;
    const char *session_state;

    if (answer->status != 200)
        return not_ok(answer, fail);
    body = json_parse_strict(answer->body, answer->len);
    value = json_get_string(body, ESANTE_COOKIE);
    session_state = json_get_string(body, "session_state");
    if (value == NULL || !cookie_valid(value))
        return wrong(fail, "proxy_session_id", "no usable session in the proxy's answer");
    if (answer->cookie[0] != '\0' && strcmp(answer->cookie, value) != 0)
        return wrong(fail, "cookie", "cookie and body name two sessions");
    if (session_state != NULL && strlen(session_state) > ESANTE_STATE_MAX)
        return wrong(fail, "session_state", "session_state is too long");
    cookie = secret_new();
    if (cookie == NULL || secret_set(cookie, value, strlen(value)) < 0)
        return fail_set(fail, CPS_INTERNAL, "no memory for a secret");
    snprintf(state, ESANTE_STATE_MAX + 1, "%s", session_state != NULL ? session_state : "");
    *ret_cookie = TAKE_PTR(cookie);
    return CPS_OK;
}

bool esante_session_gone(const struct http_answer *answer)
{
    AUTO_JSON json_t *body = NULL;
    const char *message;

    if (answer->status != 401)
        return false;
    message = message_of(answer, &body);
    return message != NULL && (strcmp(message, "No session found.") == 0 ||
                               strcmp(message, "Session ID not found.") == 0);
}
