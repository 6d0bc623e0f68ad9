/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the client proves itself to the provider: the one place for every method. A certificate is
 * shown by oidc/http.c, on the connections that carry such a request.
 */
#ifndef OIDC_CLIENT_AUTH_H
#define OIDC_CLIENT_AUTH_H

#include "oidc/form.h"
#include "oidc/http.h"
#include "oidc/provider.h"

/*
 * Completes the form with what the method of the profile wants in the body, and gives the value of
 * the Authorization header (for wipe_free), or NULL when the method has none.
 */
cps_error client_auth_apply(const struct profile *profile, struct buffer *form,
                            char **ret_authorization, struct fail *fail);

/*
 * Posts a form to an endpoint in the client's name. once: see http_request. The form is read
 * before this returns.
 */
struct client_post {
    struct provider *provider;
    const char *url;
    struct buffer *form;
    int64_t deadline_ms;
    bool once;
    bool *ret_sent; /* as of http_request */
};
cps_error client_auth_post(const struct client_post *post, struct http_call **slot,
                           http_done_fn *done, void *user, struct fail *fail);

#endif
