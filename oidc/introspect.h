/* SPDX-License-Identifier: Apache-2.0 */
/* Token introspection (RFC 7662): what the provider says of the access token of a session. */
#ifndef OIDC_INTROSPECT_H
#define OIDC_INTROSPECT_H

#include "oidc/request.h"

/* Answers the request "introspect" of base/proto.h. */
void introspect_start(struct request *request, struct oidc_session *session);

#endif
