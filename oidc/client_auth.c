/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/client_auth.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "oidc/client_assertion.h"
#include "oidc/client_key.h"

/* Client id and secret escaped, at worst three characters for one, and the ":". */
#define CREDENTIALS_MAX (3 * (CONFIG_VALUE_MAX + 512) + 1)

/* A secret is shorter than its page, which is zero behind it: it can be read as a string. */
static const char *secret_text(const struct profile *profile)
{
    return (const char *)secret_data(profile->client_secret);
}

/* RFC 6749 section 2.3.1: id and secret are form-encoded before they go into Basic. */
static char *basic(const struct profile *profile)
{
    AUTO_BUFFER struct buffer plain = BUFFER_INIT(CREDENTIALS_MAX);
    AUTO_BUFFER struct buffer header = BUFFER_INIT(2 * CREDENTIALS_MAX);
    char *encoded;

    form_escape(&plain, profile->client_id);
    buffer_add(&plain, ":", 1);
    if (!form_escape(&plain, secret_text(profile)))
        return NULL;
    encoded = calloc(1, plain.len / 3 * 4 + 5);
    if (encoded == NULL)
        return NULL;
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)plain.data, (int)plain.len);
    buffer_add_text(&header, "Basic ");
    buffer_add_text(&header, encoded);
    wipe_free(encoded);
    return buffer_take(&header);
}

cps_error client_auth_apply(const struct profile *profile, struct buffer *form,
                            char **ret_authorization, struct fail *fail)
{
    AUTO_WIPED char *assertion = NULL;
    char *authorization = NULL;
    EVP_PKEY *key = NULL;
    bool ok = false;

    switch (profile->client_auth) {
    case CLIENT_AUTH_TLS: /* RFC 8705 section 2: the certificate proves the client_id */
        if (client_key_private(profile->client_key, &key, fail) != CPS_OK)
            return fail->code;
        ok = form_add(form, "client_id", profile->client_id);
        break;
    case CLIENT_AUTH_BEARER: /* of a proxy, which has no token endpoint */
        break;
    case CLIENT_AUTH_NONE:
        ok = form_add(form, "client_id", profile->client_id);
        break;
    case CLIENT_AUTH_SECRET_POST:
        ok = form_add(form, "client_id", profile->client_id) &&
             form_add(form, "client_secret", secret_text(profile));
        break;
    case CLIENT_AUTH_SECRET_BASIC:
        authorization = basic(profile);
        ok = authorization != NULL;
        break;
    case CLIENT_AUTH_PRIVATE_KEY_JWT:
        if (client_assertion_make(profile, &assertion, fail) != CPS_OK)
            return fail->code;
        ok = form_add(form, "client_id", profile->client_id) &&
             form_add(form, "client_assertion_type", CLIENT_ASSERTION_TYPE) &&
             form_add(form, "client_assertion", assertion);
        break;
    }
    if (!ok)
        return fail_set(fail, CPS_INTERNAL, "form too long for its credentials");
    *ret_authorization = authorization;
    return CPS_OK;
}

cps_error client_auth_post(const struct client_post *post, struct http_call **slot,
                           http_done_fn *done, void *user, struct fail *fail)
{
    AUTO_WIPED char *authorization = NULL;
    struct http_request request = {.provider = post->provider,
                                   .url = post->url,
                                   .accept = HTTP_ACCEPT_JSON,
                                   .deadline_ms = post->deadline_ms,
                                   .certified = true,
                                   .ret_sent = post->ret_sent,
                                   .once = post->once};

    if (client_auth_apply(post->provider->profile, post->form, &authorization, fail) != CPS_OK)
        return fail->code;
    request.authorization = authorization;
    request.form = buffer_text(post->form);
    if (request.form == NULL)
        return fail_set(fail, CPS_INTERNAL, "form too long");
    return http_start(post->provider->http, &request, slot, done, user, fail);
}
