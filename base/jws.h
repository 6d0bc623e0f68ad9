/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two steps that every check of a compact JWS shares. libjose alone accepts extra parts and
 * keys meant for another algorithm: it is given three parts and a bare key, both made here.
 * Algorithm, key and header are for the caller to decide before jws_signature_fits().
 */
#ifndef BASE_JWS_H
#define BASE_JWS_H

#include <jansson.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

enum { JWS_HEADER, JWS_PAYLOAD, JWS_SIGNATURE, JWS_PARTS };

/* Base64url text inside the token. */
struct jws_part {
    const char *text;
    size_t len;
};

/* Cuts at the dots. False unless there are exactly three parts, of any length. */
bool jws_split(const char *token, size_t len, struct jws_part parts[static JWS_PARTS]);

/*
 * True when the signature is this key's. key: a JWK with the numbers of the public key, and "alg"
 * where its type leaves a choice.
 */
bool jws_signature_fits(const struct jws_part parts[static JWS_PARTS], const json_t *key);

/*
 * The same key for OpenSSL, so that it is read once and used often. NULL: it is none. The caller
 * frees it.
 */
EVP_PKEY *jws_public_key(const json_t *jwk);

#endif
