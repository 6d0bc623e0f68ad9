/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logout: the session is forgotten here at once, then ended at the provider (end_session with the
 * last ID token as hint, OpenID Connect RP-Initiated Logout 1.0) and its refresh token revoked
 * (RFC 7009), as far as the deadline lets.
 */
#ifndef OIDC_LOGOUT_H
#define OIDC_LOGOUT_H

#include "oidc/request.h"

/* Answers the request "logout" of base/proto.h. */
void logout_start(struct request *request, struct oidc_session *session);

#endif
