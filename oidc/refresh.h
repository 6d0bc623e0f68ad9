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

/*
 * Joins the refresh of a session, which begins when none is under way; done hears of its end. A
 * session that it closes is gone then. On failure nothing was begun.
 */
cps_error refresh_join(struct oidc_session *session, struct waiter *waiter, flight_done_fn *done,
                       void *user, struct fail *fail);

#endif
