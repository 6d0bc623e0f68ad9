/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logout: the session is forgotten here at once; the provider is asked to end its own, then to
 * revoke the refresh token. What it did not hear is told again later (oidc/farewell.h).
 */
#ifndef OIDC_LOGOUT_H
#define OIDC_LOGOUT_H

#include "oidc/request.h"

void logout_start(struct request *request, struct oidc_session *session);

/* The provider has heard, whatever it says: any answer but a failure of its own. */
bool logout_heard(const struct http_answer *answer);

/* The two requests. CPS_PROVIDER_DISCOVERY: the provider does not offer that. */
cps_error logout_end_session(struct provider *provider, const struct tokens *tokens,
                             int64_t deadline_ms, struct http_call **slot, http_done_fn *done,
                             void *user, struct fail *fail);
cps_error logout_revoke(struct provider *provider, const struct tokens *tokens, int64_t deadline_ms,
                        struct http_call **slot, http_done_fn *done, void *user, struct fail *fail);

#endif
