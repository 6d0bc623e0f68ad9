/* SPDX-License-Identifier: Apache-2.0 */
/* What cards compute: RSA-2048 under PKCS#1 v1.5, PSS or no padding, the last round of a hash. */
#ifndef VCPS_CRYPTO_H
#define VCPS_CRYPTO_H

#include <openssl/evp.h>

#include "util.h"

enum {
    CRYPTO_RSA_LEN = 256,
    CRYPTO_HASH_MAX = 32,
    CRYPTO_BLOCK_LEN = 64,
};

enum hash_alg { HASH_NONE = 0, HASH_SHA1 = 0x10, HASH_SHA256 = 0x40 };

size_t crypto_hash_len(enum hash_alg alg);

/* Pads `n` bytes as they are (a DigestInfo) and applies the private key. */
bool crypto_sign(EVP_PKEY *pkey, const uint8_t *data, size_t n, uint8_t out[CRYPTO_RSA_LEN]);

/* Wraps a hash in its DigestInfo, then as above. */
bool crypto_sign_hash(EVP_PKEY *pkey, enum hash_alg alg, const uint8_t *hash,
                      uint8_t out[CRYPTO_RSA_LEN]);

/* PSS, its mask by the same hash, its salt as long as the hash. */
bool crypto_sign_pss(EVP_PKEY *pkey, enum hash_alg alg, const uint8_t *hash,
                     uint8_t out[CRYPTO_RSA_LEN]);

/* Applies the private key to a whole block. False when it is not below the modulus. */
bool crypto_raw(EVP_PKEY *pkey, const uint8_t block[CRYPTO_RSA_LEN], uint8_t out[CRYPTO_RSA_LEN]);

/* Removes the padding. False when it is wrong. */
bool crypto_decipher(EVP_PKEY *pkey, const uint8_t *data, size_t n, uint8_t out[CRYPTO_RSA_LEN],
                     size_t *ret_len);

/* Ends a hash that the host began: `state` (NULL: the message starts here) after `bits` bits were
 * consumed, then `n` last bytes, at most one block. */
bool crypto_hash_last(enum hash_alg alg, const uint8_t *state, uint64_t bits, const uint8_t *last,
                      size_t n, uint8_t out[CRYPTO_HASH_MAX]);

#endif
