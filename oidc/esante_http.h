/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTP request to an e-Santé proxy: its address, the session's cookie, the site's credential.
 */
#ifndef OIDC_ESANTE_HTTP_H
#define OIDC_ESANTE_HTTP_H

#include "base/secret.h"
#include "oidc/http.h"

struct esante_request {
    struct provider *provider;
    const char *method;
    const char *path;            /* below the address of the profile, query included */
    const struct secret *cookie; /* or NULL */
    const char *body;            /* or NULL */
    size_t body_len;
    const char *content_type;
    const char *accept;
    int64_t deadline_ms;
    int64_t total_ms; /* 0: HTTP_TOTAL_MS */
};

/* As http_start(). A request is never sent twice. */
cps_error esante_http(const struct esante_request *request, struct http_call **slot,
                      http_done_fn *done, void *user, struct fail *fail);

#endif
