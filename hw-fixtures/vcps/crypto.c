/* SPDX-License-Identifier: Apache-2.0 */
/* Resuming a hash from its inner state needs the low-level contexts, which OpenSSL 3 keeps under
 * its older interface level only. */
#define OPENSSL_API_COMPAT 10100
#include "crypto.h"

#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <string.h>

static void free_ctx(EVP_PKEY_CTX *const *ctx)
{
    EVP_PKEY_CTX_free(*ctx);
}

size_t crypto_hash_len(enum hash_alg alg)
{
    return alg == HASH_SHA1 ? 20 : alg == HASH_SHA256 ? 32 : 0;
}

bool crypto_sign(EVP_PKEY *pkey, const uint8_t *data, size_t n, uint8_t out[CRYPTO_RSA_LEN])
{
    EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new(pkey, NULL);
    size_t len = CRYPTO_RSA_LEN;

    return ctx && EVP_PKEY_sign_init(ctx) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_sign(ctx, out, &len, data, n) == 1 && len == CRYPTO_RSA_LEN;
}

static bool sign_hash(EVP_PKEY *pkey, int padding, enum hash_alg alg, const uint8_t *hash,
                      uint8_t out[CRYPTO_RSA_LEN])
{
    EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new(pkey, NULL);
    const EVP_MD *md = alg == HASH_SHA1 ? EVP_sha1() : EVP_sha256();
    size_t len = CRYPTO_RSA_LEN;

    if (!ctx || EVP_PKEY_sign_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, padding) != 1 ||
        EVP_PKEY_CTX_set_signature_md(ctx, md) != 1)
        return false;
    if (padding == RSA_PKCS1_PSS_PADDING &&
        EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) != 1)
        return false;
    return EVP_PKEY_sign(ctx, out, &len, hash, crypto_hash_len(alg)) == 1 && len == CRYPTO_RSA_LEN;
}

bool crypto_sign_hash(EVP_PKEY *pkey, enum hash_alg alg, const uint8_t *hash,
                      uint8_t out[CRYPTO_RSA_LEN])
{
    return sign_hash(pkey, RSA_PKCS1_PADDING, alg, hash, out);
}

bool crypto_sign_pss(EVP_PKEY *pkey, enum hash_alg alg, const uint8_t *hash,
                     uint8_t out[CRYPTO_RSA_LEN])
{
    return sign_hash(pkey, RSA_PKCS1_PSS_PADDING, alg, hash, out);
}

static bool decipher(EVP_PKEY *pkey, int padding, const uint8_t *data, size_t n,
                     uint8_t out[CRYPTO_RSA_LEN], size_t *ret_len)
{
    EVP_PKEY_CTX *ctx CLEANUP(free_ctx) = EVP_PKEY_CTX_new(pkey, NULL);
    size_t len = CRYPTO_RSA_LEN;

    if (!ctx || EVP_PKEY_decrypt_init(ctx) != 1 ||
        EVP_PKEY_CTX_set_rsa_padding(ctx, padding) != 1 ||
        EVP_PKEY_decrypt(ctx, out, &len, data, n) != 1)
        return false;
    *ret_len = len;
    return true;
}

bool crypto_decipher(EVP_PKEY *pkey, const uint8_t *data, size_t n, uint8_t out[CRYPTO_RSA_LEN],
                     size_t *ret_len)
{
    return decipher(pkey, RSA_PKCS1_PADDING, data, n, out, ret_len);
}

bool crypto_raw(EVP_PKEY *pkey, const uint8_t block[CRYPTO_RSA_LEN], uint8_t out[CRYPTO_RSA_LEN])
{
    size_t len;

    return decipher(pkey, RSA_NO_PADDING, block, CRYPTO_RSA_LEN, out, &len) &&
           len == CRYPTO_RSA_LEN;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void sha1_last(const uint8_t *state, uint64_t bits, const uint8_t *last, size_t n,
                      uint8_t *out)
{
    SHA_CTX c;

    SHA1_Init(&c);
    if (state) {
        SHA_LONG *h[5] = {&c.h0, &c.h1, &c.h2, &c.h3, &c.h4};
        for (size_t i = 0; i < 5; i++)
            *h[i] = be32(state + 4 * i);
        c.Nl = (SHA_LONG)bits;
        c.Nh = (SHA_LONG)(bits >> 32);
    }
    SHA1_Update(&c, last, n);
    SHA1_Final(out, &c);
}

static void sha256_last(const uint8_t *state, uint64_t bits, const uint8_t *last, size_t n,
                        uint8_t *out)
{
    SHA256_CTX c;

    SHA256_Init(&c);
    if (state) {
        for (size_t i = 0; i < 8; i++)
            c.h[i] = be32(state + 4 * i);
        c.Nl = (SHA_LONG)bits;
        c.Nh = (SHA_LONG)(bits >> 32);
    }
    SHA256_Update(&c, last, n);
    SHA256_Final(out, &c);
}

bool crypto_hash_last(enum hash_alg alg, const uint8_t *state, uint64_t bits, const uint8_t *last,
                      size_t n, uint8_t out[CRYPTO_HASH_MAX])
{
    /* What the host consumed is whole blocks. */
    if (n > CRYPTO_BLOCK_LEN || bits % (8 * CRYPTO_BLOCK_LEN) || (!state && bits))
        return false;
    if (alg == HASH_SHA1)
        sha1_last(state, bits, last, n, out);
    else if (alg == HASH_SHA256)
        sha256_last(state, bits, last, n, out);
    else
        return false;
    return true;
}
