/* SPDX-License-Identifier: Apache-2.0 */
/* The current security environment: what MANAGE SECURITY ENVIRONMENT set, for the operations of
 * cps3_ops.h and cps4_ops.h. */
#ifndef VCPS_SE_H
#define VCPS_SE_H

#include "crypto.h"
#include "fs.h"

enum {
    SE_CHAIN_MAX = 1 + CRYPTO_RSA_LEN, /* padding indicator and cryptogram */
};

/* One control reference template: which key and which algorithm, 0 when not set. */
struct se_template {
    uint8_t key, alg;
};

struct se {
    struct se_template auth, sign, confidentiality, hash;
    uint8_t digest[CRYPTO_HASH_MAX];
    enum hash_alg digest_alg; /* HASH_NONE: no digest was computed */
    uint8_t chain[SE_CHAIN_MAX];
    size_t chain_len;
    uint64_t rsa_ops;
};

/* Forgets everything but the count of operations: reset, or another application selected. */
void se_clear(struct se *se);

/* The current application's key of that reference, NULL for none. */
const struct image_key *se_find_key(const struct fs *fs, uint8_t reference);

/* Adds the data of one command of a chain. Refused beyond `max` bytes, at most SE_CHAIN_MAX. */
uint16_t se_gather(struct se *se, const struct apdu *a, size_t max);

#endif
