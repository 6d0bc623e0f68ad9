/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/idp/idp.h"

#define CIBA_GRANT "urn:openid:params:grant-type:ciba"

/* Holds the longest member that is looked at. */
#define VALUE_MAX 256

static int hex(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

bool idp_form(const char *form, const char *name, char *out, size_t size)
{
    size_t len = strlen(name);
    size_t n = 0;

    while (form != NULL && (strncmp(form, name, len) != 0 || form[len] != '='))
        form = (form = strchr(form, '&')) != NULL ? form + 1 : NULL;
    if (form == NULL)
        return false;
    for (form += len + 1; *form != '\0' && *form != '&' && n + 1 < size; form++) {
        out[n] = *form == '+' ? ' ' : *form;
        if (*form == '%' && hex(form[1]) >= 0 && hex(form[2]) >= 0) {
            out[n] = (char)(hex(form[1]) * 16 + hex(form[2]));
            form += 2;
        }
        n++;
    }
    out[n] = '\0';
    return *form == '\0' || *form == '&';
}

static void set_url(const struct idp *idp, json_t *document, const char *name, const char *path)
{
    char url[128];

    snprintf(url, sizeof url, "%s%s", idp->issuer, path);
    json_object_set_new(document, name, json_string(url));
}

static json_t *discovery(const struct idp *idp)
{
    json_t *document =
        json_pack("{s:s, s:[s], s:[s], s:[s,s,s]}", "issuer", idp->issuer, "scopes_supported",
                  "openid", "response_types_supported", "code", "grant_types_supported",
                  "authorization_code", "refresh_token", CIBA_GRANT);

    set_url(idp, document, "authorization_endpoint", "/authorize");
    set_url(idp, document, "token_endpoint", "/token");
    set_url(idp, document, "userinfo_endpoint", "/userinfo");
    set_url(idp, document, "jwks_uri", "/jwks");
    set_url(idp, document, "end_session_endpoint", "/logout");
    set_url(idp, document, "revocation_endpoint", "/revoke");
    set_url(idp, document, "backchannel_authentication_endpoint", "/ciba");
    return document;
}

static int refuse(const char *error, json_t **ret_body)
{
    *ret_body = json_pack("{s:s}", "error", error);
    return 400;
}

/* The request id says who it is about: nothing is kept. */
static int ring(const struct idp_request *request, json_t **ret_body)
{
    char hint[IDP_SUBJECT_MAX];

    if (!idp_form(request->body, "login_hint", hint, sizeof hint))
        return refuse("invalid_request", ret_body);
    *ret_body = json_pack("{s:s, s:i, s:i}", "auth_req_id", hint, "expires_in", 120, "interval", 1);
    return 200;
}

static int token(struct idp *idp, const struct idp_request *request, json_t **ret_body)
{
    char grant[VALUE_MAX] = "", value[VALUE_MAX];
    const struct idp_session *session = NULL;

    idp_form(request->body, "grant_type", grant, sizeof grant);
    if (strcmp(grant, CIBA_GRANT) == 0 &&
        idp_form(request->body, "auth_req_id", value, IDP_SUBJECT_MAX)) {
        session = idp_session_start(idp, value);
        idp->logins++;
    } else if (strcmp(grant, "refresh_token") == 0 &&
               idp_form(request->body, "refresh_token", value, sizeof value)) {
        session = idp_session_next(idp, value);
        idp->refreshes++;
    }
    if (session == NULL) {
        idp->refused++;
        return refuse("invalid_grant", ret_body);
    }
    *ret_body = idp_tokens(idp, session);
    return 200;
}

static int userinfo(const struct idp_request *request, json_t **ret_body)
{
    char subject[IDP_SUBJECT_MAX], sub[64];

    if (sscanf(request->bearer, "at.%31[0-9].", subject) != 1)
        return 401;
    snprintf(sub, sizeof sub, "f:idp:%s", subject);
    *ret_body = json_pack("{s:s, s:s, s:s, s:s}", "sub", sub, "SubjectNameID", subject,
                          "given_name", "ADELINE", "family_name", "VALMONT");
    return 200;
}

static json_t *counts(const struct idp *idp)
{
    return json_pack("{s:i, s:i, s:i, s:i, s:i}", "connections", (int)idp->connections, "resumed",
                     (int)idp->resumed, "logins", (int)idp->logins, "refreshes",
                     (int)idp->refreshes, "refused", (int)idp->refused);
}

int idp_answer(struct idp *idp, const struct idp_request *request, json_t **ret_body)
{
    const char *path = strncmp(request->path, "/auth", 5) == 0 ? request->path + 5 : "";

    *ret_body = NULL;
    if (strncmp(path, "/.well-known/", 13) == 0)
        *ret_body = discovery(idp);
    else if (strcmp(path, "/jwks") == 0)
        *ret_body = idp_jwks(idp);
    else if (strcmp(path, "/counts") == 0)
        *ret_body = counts(idp);
    else if (strcmp(path, "/revoke") == 0 || strncmp(path, "/logout", 7) == 0)
        *ret_body = json_object();
    else if (strcmp(path, "/ciba") == 0)
        return ring(request, ret_body);
    else if (strcmp(path, "/token") == 0)
        return token(idp, request, ret_body);
    else if (strcmp(path, "/userinfo") == 0)
        return userinfo(request, ret_body);
    return *ret_body != NULL ? 200 : 404;
}
