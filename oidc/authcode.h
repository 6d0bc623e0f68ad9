/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login by the browser: authorization code with PKCE S256, state, nonce and a loopback redirect
 * (RFC 8252, RFC 7636, OpenID Connect Core section 3.1).
 */
#ifndef OIDC_AUTHCODE_H
#define OIDC_AUTHCODE_H

#include "oidc/request.h"

/* A login in the browser that takes longer is over. */
#define AUTHCODE_WAIT_MS 300000

/* Answers the request "login_browser" of base/proto.h. */
void authcode_start(struct request *request, struct provider *provider, const json_t *params);

#endif
