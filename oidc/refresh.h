/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token refresh: one at a time a session, its callers share the outcome. A refresh that the
 * provider refuses (invalid_grant) closes the session.
 */
#ifndef OIDC_REFRESH_H
#define OIDC_REFRESH_H

#include "oidc/request.h"

/* Answers the request "refresh" of base/proto.h. */
void refresh_start(struct request *request, struct oidc_session *session);

#endif
