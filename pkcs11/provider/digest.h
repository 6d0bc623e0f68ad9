/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash whose last round is the card's: all blocks of the message but the last are done here, and
 * the card is given the chaining value, how many bytes made it, and the last block.
 */
#ifndef PROVIDER_DIGEST_H
#define PROVIDER_DIGEST_H

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BLOCK     64
#define DIGEST_STATE_MAX SHA256_DIGEST_SIZE

struct digest {
    bool sha256; /* else SHA-1 */
    union {
        struct sha1_ctx sha1;
        struct sha256_ctx sha256;
    } context;
    uint64_t hashed; /* bytes given to context: a multiple of DIGEST_BLOCK */
    uint8_t last[DIGEST_BLOCK];
    size_t last_len; /* 0 only as long as nothing was given */
};

void digest_init(struct digest *digest, bool sha256);
void digest_update(struct digest *digest, const uint8_t *data, size_t len);

/* The chaining value before the last block; nothing when there is no block before it. */
size_t digest_state(const struct digest *digest, uint8_t ret_state[DIGEST_STATE_MAX]);

#endif
