/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signature of an ID token: strict base64url, a header without surprises, RS256 only, and a key of
 * the provider's.
 */
#ifndef OIDC_JWS_H
#define OIDC_JWS_H

#include "base/fail.h"
#include "oidc/jwks.h"

/* Longest token in compact form. */
#define JWS_MAX 16384

/* kid when the header names a key that the set does not hold. */
enum jws_result { JWS_OK, JWS_REFUSED, JWS_UNKNOWN_KEY };

/*
 * Verifies and gives the payload's bytes (NUL-terminated, for wipe_free; length in ret_len). On
 * failure, CPS_ID_TOKEN_REJECTED with reason "size", "segments", "base64", "json", "alg", "crit",
 * "typ", "kid" or "signature". JWS_UNKNOWN_KEY (reason "kid" too): worth trying again once with
 * fresh keys.
 */
enum jws_result jws_verify(const char *token, const struct jwks *keys, char **ret_payload,
                           size_t *ret_len, struct fail *fail);

#endif
