/* SPDX-License-Identifier: Apache-2.0 */
/* A hash is resumed from its inner state with the low-level contexts, which OpenSSL 3 declares for
 * programs of an older interface level only. */
#define OPENSSL_API_COMPAT 10100
#include "pkcs11/hash.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>

#define PREFIX_MAX 19

/* Bytes that the counter of bits of SHA-1 and SHA-256 can count. */
#define HASHED_MAX (UINT64_MAX / 8)

static const struct {
    const char *name; /* NULL: not to be asked for by name */
    size_t len;
    const EVP_MD *(*md)(void);
    size_t prefix_len;
    uint8_t prefix[PREFIX_MAX];
} hashes[] = {
    [HASH_SHA256] = {"sha256",
                     SHA256_DIGEST_LENGTH,
                     EVP_sha256,
                     19,
                     {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                      0x02, 0x01, 0x05, 0x00, 0x04, 0x20}},
    [HASH_SHA384] = {"sha384",
                     SHA384_DIGEST_LENGTH,
                     EVP_sha384,
                     19,
                     {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                      0x02, 0x02, 0x05, 0x00, 0x04, 0x30}},
    [HASH_SHA512] = {"sha512",
                     SHA512_DIGEST_LENGTH,
                     EVP_sha512,
                     19,
                     {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04,
                      0x02, 0x03, 0x05, 0x00, 0x04, 0x40}},
    [HASH_SHA1] = {NULL,
                   SHA_DIGEST_LENGTH,
                   EVP_sha1,
                   15,
                   {0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00,
                    0x04, 0x14}},
};

#define HASHES (sizeof hashes / sizeof hashes[0])

bool hash_from_name(const char *name, enum hash *ret_hash)
{
    for (size_t i = 0; name != NULL && i < HASHES; i++)
        if (hashes[i].name != NULL && strcmp(hashes[i].name, name) == 0) {
            *ret_hash = (enum hash)i;
            return true;
        }
    return false;
}

size_t hash_len(enum hash hash)
{
    return hashes[hash].len;
}

const struct evp_md_st *hash_md(enum hash hash)
{
    return hashes[hash].md();
}

size_t hash_digest_info(enum hash hash, struct span digest, uint8_t *out)
{
    size_t prefix_len = hashes[hash].prefix_len;

    memcpy(out, hashes[hash].prefix, prefix_len);
    memcpy(out + prefix_len, digest.data, digest.len);
    return prefix_len + digest.len;
}

bool hash_from_digest_info(struct span info, enum hash *ret_hash, struct span *ret_digest)
{
    for (size_t i = 0; i < HASHES; i++) {
        size_t prefix_len = hashes[i].prefix_len;

        if (info.len != prefix_len + hashes[i].len ||
            memcmp(info.data, hashes[i].prefix, prefix_len) != 0)
            continue;
        *ret_hash = (enum hash)i;
        *ret_digest = (struct span){info.data + prefix_len, hashes[i].len};
        return true;
    }
    return false;
}

static uint32_t word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void finish_sha1(struct span state, uint64_t bits, struct span last, uint8_t *out)
{
    SHA_CTX context;
    SHA_LONG *const words[] = {&context.h0, &context.h1, &context.h2, &context.h3, &context.h4};

    SHA1_Init(&context);
    for (size_t i = 0; i < state.len / 4; i++)
        *words[i] = word(state.data + 4 * i);
    context.Nl = (SHA_LONG)bits;
    context.Nh = (SHA_LONG)(bits >> 32);
    SHA1_Update(&context, last.data, last.len);
    SHA1_Final(out, &context);
}

static void finish_sha256(struct span state, uint64_t bits, struct span last, uint8_t *out)
{
    SHA256_CTX context;

    SHA256_Init(&context);
    for (size_t i = 0; i < state.len / 4; i++)
        context.h[i] = word(state.data + 4 * i);
    context.Nl = (SHA_LONG)bits;
    context.Nh = (SHA_LONG)(bits >> 32);
    SHA256_Update(&context, last.data, last.len);
    SHA256_Final(out, &context);
}

bool hash_finish(enum hash hash, struct span state, uint64_t hashed, struct span last, uint8_t *out)
{
    if ((hash != HASH_SHA1 && hash != HASH_SHA256) || hashed % HASH_BLOCK_LEN != 0 ||
        hashed > HASHED_MAX || last.len > HASH_BLOCK_LEN ||
        state.len != (hashed > 0 ? hashes[hash].len : 0) || (hashed > 0 && last.len == 0))
        return false;
    if (hash == HASH_SHA1)
        finish_sha1(state, hashed * 8, last, out);
    else
        finish_sha256(state, hashed * 8, last, out);
    return true;
}
