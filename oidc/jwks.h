/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider's signing keys. Of a JWK Set only the keys that may verify RS256 are kept: RSA of
 * 2048 to 8192 bits, for signatures, public. All else (encryption keys, other algorithms) is
 * passed over, as real sets hold it.
 */
#ifndef OIDC_JWKS_H
#define OIDC_JWKS_H

#include <jansson.h>
#include <openssl/evp.h>

#include "base/fail.h"

#define JWKS_KEYS_MAX 64
#define JWKS_BITS_MIN 2048
#define JWKS_BITS_MAX 8192

struct jwks;

/*
 * Reads a JWK Set. On failure CPS_PROVIDER_ANSWER: it is not one, no key is usable, or two usable
 * keys share a kid (reason "jwks").
 */
cps_error jwks_read(const json_t *set, struct jwks **ret_jwks, struct fail *fail);
void jwks_free(struct jwks *jwks);

/*
 * The key for a kid, made of its two numbers alone: nothing else of the document reaches the
 * verifier. kid NULL: the key if there is only one. NULL when there is none. Borrowed.
 */
EVP_PKEY *jwks_find(const struct jwks *jwks, const char *kid);

static inline void cleanup_jwks(struct jwks **jwks)
{
    jwks_free(*jwks);
}

#define AUTO_JWKS __attribute__((cleanup(cleanup_jwks)))

#endif
