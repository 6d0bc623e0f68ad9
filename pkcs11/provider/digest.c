/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/provider/digest.h"

#include <endian.h>
#include <string.h>

void digest_init(struct digest *digest, bool sha256)
{
    memset(digest, 0, sizeof *digest);
    digest->sha256 = sha256;
    if (sha256)
        sha256_init(&digest->context.sha256);
    else
        sha1_init(&digest->context.sha1);
}

static void hash_block(struct digest *digest)
{
    if (digest->sha256)
        sha256_update(&digest->context.sha256, DIGEST_BLOCK, digest->last);
    else
        sha1_update(&digest->context.sha1, DIGEST_BLOCK, digest->last);
    digest->hashed += DIGEST_BLOCK;
    digest->last_len = 0;
}

/* A whole block is kept until it is known that it is not the last. */
void digest_update(struct digest *digest, const uint8_t *data, size_t len)
{
    while (len > 0) {
        size_t n = DIGEST_BLOCK - digest->last_len;

        if (n == 0) {
            hash_block(digest);
            continue;
        }
        if (n > len)
            n = len;
        memcpy(digest->last + digest->last_len, data, n);
        digest->last_len += n;
        data += n;
        len -= n;
    }
}

size_t digest_state(const struct digest *digest, uint8_t ret_state[DIGEST_STATE_MAX])
{
    const uint32_t *words =
        digest->sha256 ? digest->context.sha256.state : digest->context.sha1.state;
    size_t n = digest->sha256 ? SHA256_DIGEST_SIZE : SHA1_DIGEST_SIZE;

    if (digest->hashed == 0)
        return 0;
    for (size_t i = 0; i < n / 4; i++) {
        uint32_t word = htobe32(words[i]);

        memcpy(ret_state + 4 * i, &word, sizeof word);
    }
    return n;
}
