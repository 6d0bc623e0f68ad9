/* SPDX-License-Identifier: Apache-2.0 */
/* The padding functions are there in OpenSSL 3, declared for an older interface level only. */
#define OPENSSL_API_COMPAT 10100
#include "pkcs11/padding.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <string.h>

#include "base/util.h"
#include "pkcs11/certificate.h"

#define PSS_ZEROS_LEN 8
#define PSS_TRAILER   0xBC

bool padding_pkcs1(struct span info, uint8_t *out, size_t len)
{
    return len <= SIGNATURE_MAX && info.len + PADDING_PKCS1_LEN <= len &&
           RSA_padding_add_PKCS1_type_1(out, (int)len, info.data, (int)info.len) == 1;
}

static void cleanup_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

/* H = Hash(eight zeros, hash of the message, salt). */
static bool pss_hash(const EVP_MD *md, struct span digest, const uint8_t *salt, uint8_t *out)
{
    static const uint8_t zeros[PSS_ZEROS_LEN];
    CLEANUP(cleanup_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();

    return context != NULL && EVP_DigestInit_ex(context, md, NULL) == 1 &&
           EVP_DigestUpdate(context, zeros, sizeof zeros) == 1 &&
           EVP_DigestUpdate(context, digest.data, digest.len) == 1 &&
           EVP_DigestUpdate(context, salt, digest.len) == 1 &&
           EVP_DigestFinal_ex(context, out, NULL) == 1;
}

/* RFC 8017 section 9.1.1, emBits one less than those of len bytes. */
bool padding_pss(enum hash hash, struct span digest, uint8_t *out, size_t len)
{
    const EVP_MD *md = hash_md(hash);
    uint8_t salt[HASH_LEN_MAX];
    uint8_t mask[SIGNATURE_MAX];
    size_t db_len = len - digest.len - 1;

    if (digest.len != hash_len(hash) || len > SIGNATURE_MAX || len < 2 * digest.len + 2 ||
        RAND_bytes(salt, (int)digest.len) != 1 || !pss_hash(md, digest, salt, out + db_len) ||
        PKCS1_MGF1(mask, (long)db_len, out + db_len, (long)digest.len, md) != 0)
        return false;
    memset(out, 0, db_len);
    out[db_len - digest.len - 1] = 0x01;
    memcpy(out + db_len - digest.len, salt, digest.len);
    for (size_t i = 0; i < db_len; i++)
        out[i] ^= mask[i];
    out[0] &= 0x7F;
    out[len - 1] = PSS_TRAILER;
    return true;
}

bool padding_pkcs1_remove(struct span block, struct secret *plain)
{
    uint8_t bytes[SIGNATURE_MAX];
    int len = -1;
    bool ok = false;

    if (block.len <= sizeof bytes)
        len = RSA_padding_check_PKCS1_type_2(bytes, (int)block.len, block.data, (int)block.len,
                                             (int)block.len);
    if (len >= 0)
        ok = secret_set(plain, bytes, (size_t)len) == 0;
    explicit_bzero(bytes, sizeof bytes);
    return ok;
}
