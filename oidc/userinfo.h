/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UserInfo as the rest of the product reads it. Its shape varies between environments and years
 * (null, "", numbers as strings, otherIDs): read by type, emitted in one shape, empty members and
 * unknown ones left out.
 */
#ifndef OIDC_USERINFO_H
#define OIDC_USERINFO_H

#include <jansson.h>

#include "base/fail.h"
#include "oidc/http.h"
#include "oidc/provider.h"

/* Largest normalised UserInfo as JSON text: it travels in one packet with two tokens. */
#define USERINFO_MAX 24576

/*
 * The claims of the endpoint's answer: plain JSON, or a JWT signed by the provider for us (OpenID
 * Connect Core section 5.3.2). CPS_PROVIDER_ANSWER with reason "userinfo_jwt" for a wrong one; else
 * as oidc/answer.h says.
 */
cps_error userinfo_claims(const struct http_answer *answer, const struct provider *provider,
                          json_t **ret_raw, struct fail *fail);

/*
 * The normalised object, new. claims: the ID token's. Of a provider that is not Pro Santé Connect,
 * the person's identifier and names are taken from the claims that the profile names, the ID token
 * before UserInfo. CPS_ID_TOKEN_REJECTED with reason "userinfo_sub" when it is about another
 * subject, CPS_PROVIDER_ANSWER "userinfo_size" when it is too large.
 */
cps_error userinfo_read(const json_t *raw, const json_t *claims, const struct profile *profile,
                        json_t **ret_userinfo, struct fail *fail);

#endif
