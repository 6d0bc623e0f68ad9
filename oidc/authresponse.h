/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorization response: what the query of the redirect says (RFC 6749 section 4.1.2,
 * RFC 9207). A query without our state is not ours: anything on this machine can send one, so it
 * is turned away and the login goes on waiting.
 */
#ifndef OIDC_AUTHRESPONSE_H
#define OIDC_AUTHRESPONSE_H

#include <stdbool.h>

#include "base/fail.h"

#define AUTHRESPONSE_CODE_MAX 4096

struct authresponse_expect {
    const char *state;
    const char *issuer;
    bool require_iss;
};

/* True when the query carries our state, once. Constant time in the state. */
bool authresponse_is_ours(const char *query, const char *state);

/*
 * The code (for wipe_free) of a response that is ours. Otherwise CPS_LOGIN_REFUSED (access_denied),
 * CPS_PROVIDER_UNAVAILABLE, CPS_PROVIDER_CLIENT, or CPS_AUTHORIZATION_RESPONSE with reason "iss",
 * "code" or the error.
 */
cps_error authresponse_read(const char *query, const struct authresponse_expect *expect,
                            char **ret_code, struct fail *fail);

#endif
