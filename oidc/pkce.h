/* SPDX-License-Identifier: Apache-2.0 */
/* The random values of a flow, and the PKCE challenge (RFC 7636, S256 only). */
#ifndef OIDC_PKCE_H
#define OIDC_PKCE_H

#include <stdbool.h>

/* 32 random bytes in base64url: state, nonce, code verifier, handle. 256 bits each. */
#define PKCE_VALUE_LEN  43
#define PKCE_VALUE_SIZE (PKCE_VALUE_LEN + 1)

/* Fills text with a new random value. False when the system has no randomness to give. */
bool pkce_random(char text[static PKCE_VALUE_SIZE]);

/* The S256 challenge of a verifier: base64url(SHA-256(verifier)). */
bool pkce_challenge(const char *verifier, char challenge[static PKCE_VALUE_SIZE]);

/*
 * Left half of the SHA-256 of a token, base64url: at_hash of a token signed with RS256 (OpenID
 * Connect Core section 3.1.3.6).
 */
#define PKCE_HALF_HASH_SIZE 23
bool pkce_half_hash(const char *token, char hash[static PKCE_HALF_HASH_SIZE]);

#endif
