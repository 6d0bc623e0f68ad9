/* SPDX-License-Identifier: Apache-2.0 */
/* The current security environment (MSE SET) and the operations that use it. */
#ifndef VCPS_SE_H
#define VCPS_SE_H

#include "crypto.h"
#include "fs.h"

enum {
    SE_SIGN_DATA_MAX = 102,                 /* 40 % of the modulus */
    SE_CRYPTOGRAM_LEN = 1 + CRYPTO_RSA_LEN, /* padding indicator and cryptogram */
};

/* One control reference template: which key and which algorithm, 0 when not set. */
struct se_template {
    uint8_t key, alg;
};

struct se {
    struct se_template auth, sign, confidentiality, hash;
    uint8_t digest[CRYPTO_HASH_MAX];
    enum hash_alg digest_alg; /* HASH_NONE: no digest was computed */
    uint8_t chain[SE_CRYPTOGRAM_LEN];
    size_t chain_len;
    uint64_t rsa_ops;
};

/* Forgets everything but the count of operations: reset, or another application selected. */
void se_clear(struct se *se);

uint16_t se_set(struct se *se, const struct fs *fs, const struct apdu *a);
uint16_t se_internal_authenticate(struct se *se, const struct fs *fs, const struct apdu *a,
                                  bool pin_ok, struct reply *r);

/* PERFORM SECURITY OPERATION: HASH, COMPUTE DIGITAL SIGNATURE, DECIPHER. */
uint16_t se_perform(struct se *se, const struct fs *fs, const struct apdu *a, bool pin_ok,
                    struct reply *r);

#endif
