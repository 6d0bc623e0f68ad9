/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/esante_http.h"

#include <string.h>

#include "oidc/buffer.h"
#include "oidc/esante_answer.h"
#include "oidc/provider.h"
#include "oidc/url.h"

/* A secret is shorter than its page, which is zero behind it: it can be read as a string. */
static const char *text_of(const struct secret *secret)
{
    return (const char *)secret_data(secret);
}

/* What a site asks of its stations beside TLS: nothing, a certificate (oidc/http.c), or a token. */
static const char *bearer(const struct profile *profile, struct buffer *header)
{
    if (profile->client_auth != CLIENT_AUTH_BEARER)
        return NULL;
    buffer_add_text(header, "Bearer ");
    buffer_add_text(header, text_of(profile->client_secret));
    return buffer_text(header);
}

cps_error esante_http(const struct esante_request *request, struct http_call **slot,
                      http_done_fn *done, void *user, struct fail *fail)
{
    const struct profile *profile = request->provider->profile;
    AUTO_BUFFER struct buffer url = BUFFER_INIT(2 * URL_MAX);
    AUTO_BUFFER struct buffer cookie = BUFFER_INIT(2 * ESANTE_COOKIE_MAX);
    AUTO_BUFFER struct buffer authorization = BUFFER_INIT(SECRET_MAX);
    struct http_request http = {.provider = request->provider,
                                .method = request->method,
                                .body = request->body,
                                .body_len = request->body_len,
                                .content_type = request->content_type,
                                .cookie_name = ESANTE_COOKIE,
                                .accept = request->accept,
                                .deadline_ms = request->deadline_ms,
                                .total_ms = request->total_ms,
                                .certified = true,
                                .once = true};

    buffer_add_text(&url, profile->issuer);
    while (url.len > 0 && url.data[url.len - 1] == '/')
        url.data[--url.len] = '\0';
    buffer_add_text(&url, request->path);
    if (request->cookie != NULL) {
        buffer_add_text(&cookie, ESANTE_COOKIE "=");
        buffer_add_text(&cookie, text_of(request->cookie));
        http.cookie = buffer_text(&cookie);
    }
    http.url = buffer_text(&url);
    http.authorization = bearer(profile, &authorization);
    if (url.failed || cookie.failed || authorization.failed ||
        !url_allowed(http.url, profile->issuer, profile->allowed_hosts))
        return fail_set(fail, CPS_INTERNAL, "cannot make a request to the proxy");
    return http_start(request->provider->http, &http, slot, done, user, fail);
}
