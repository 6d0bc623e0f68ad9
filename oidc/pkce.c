/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/pkce.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/b64.h"
#include "oidc/buffer.h"

#define SHA256_LEN 32

static bool encode(const uint8_t *data, size_t len, char *text, size_t size)
{
    AUTO_WIPED char *encoded = b64_encode(data, len);

    if (encoded == NULL || strlen(encoded) + 1 != size)
        return false;
    memcpy(text, encoded, size);
    return true;
}

bool pkce_random(char text[static PKCE_VALUE_SIZE])
{
    uint8_t bytes[SHA256_LEN];
    bool ok = getrandom(bytes, sizeof bytes, 0) == (ssize_t)sizeof bytes &&
              encode(bytes, sizeof bytes, text, PKCE_VALUE_SIZE);

    explicit_bzero(bytes, sizeof bytes);
    return ok;
}

static bool sha256(const char *text, uint8_t digest[static SHA256_LEN])
{
    return EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL) == 1;
}

bool pkce_challenge(const char *verifier, char challenge[static PKCE_VALUE_SIZE])
{
    uint8_t digest[SHA256_LEN];

    return sha256(verifier, digest) && encode(digest, sizeof digest, challenge, PKCE_VALUE_SIZE);
}

bool pkce_half_hash(const char *token, char hash[static PKCE_HALF_HASH_SIZE])
{
    uint8_t digest[SHA256_LEN];

    return sha256(token, digest) && encode(digest, sizeof digest / 2, hash, PKCE_HALF_HASH_SIZE);
}
