/* SPDX-License-Identifier: Apache-2.0 */
/* The assertion of private_key_jwt (RFC 7523 section 3, OpenID Connect Core section 9). */
#ifndef OIDC_CLIENT_ASSERTION_H
#define OIDC_CLIENT_ASSERTION_H

#include "base/fail.h"
#include "oidc/profile.h"

#define CLIENT_ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

/* Life of an assertion: it is used at once, and only once. */
#define CLIENT_ASSERTION_S 60

/*
 * A new assertion in compact form, for wipe_free: RS256 for an RSA key, ES256 for a P-256 one.
 * CPS_CONFIGURATION with reason "client_key" when the key cannot sign so.
 */
cps_error client_assertion_make(const struct profile *profile, char **ret_assertion,
                                struct fail *fail);

#endif
