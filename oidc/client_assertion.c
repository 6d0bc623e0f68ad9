/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/client_assertion.h"

#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/util.h"
#include "oidc/client_key.h"
#include "oidc/pkce.h"

#define P256_BYTES 32

/* Signature of an RSA key of 8192 bits; an ECDSA one in DER is shorter. */
#define SIGNATURE_MAX 1024

static void cleanup_digest(EVP_MD_CTX **context)
{
    EVP_MD_CTX_free(*context);
}

static void cleanup_ecdsa(ECDSA_SIG **signature)
{
    ECDSA_SIG_free(*signature);
}

static cps_error refuse(struct fail *fail, const char *why)
{
    ERR_clear_error();
    return fail_reason(fail, CPS_CONFIGURATION, "client_key", "client assertion: %s", why);
}

/* RFC 7518 section 3.4: R and S, 32 bytes each, in place of DER. Returns the new length, or 0. */
static size_t raw_ecdsa(uint8_t *signature, size_t len)
{
    const uint8_t *at = signature;
    CLEANUP(cleanup_ecdsa) ECDSA_SIG *parsed = d2i_ECDSA_SIG(NULL, &at, (long)len);

    if (parsed == NULL ||
        BN_bn2binpad(ECDSA_SIG_get0_r(parsed), signature, P256_BYTES) != P256_BYTES ||
        BN_bn2binpad(ECDSA_SIG_get0_s(parsed), signature + P256_BYTES, P256_BYTES) != P256_BYTES)
        return 0;
    return 2 * (size_t)P256_BYTES;
}

/* The algorithm that goes with a key, or NULL. */
static const char *algorithm_of(const EVP_PKEY *key)
{
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) >= 2048 &&
        EVP_PKEY_get_bits(key) <= 8192)
        return "RS256";
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && EVP_PKEY_get_bits(key) == 256)
        return "ES256";
    return NULL;
}

static char *sign(EVP_PKEY *key, const char *input)
{
    CLEANUP(cleanup_digest) EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[SIGNATURE_MAX];
    size_t len = sizeof signature;

    if (context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, signature, &len, (const uint8_t *)input, strlen(input)) != 1)
        return NULL;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        len = raw_ecdsa(signature, len);
    return len > 0 ? b64_encode(signature, len) : NULL;
}

/* base64url of an object's text; steals the object. */
static char *encode(json_t *object)
{
    AUTO_JSON json_t *owned = object;
    AUTO_FREE char *text = json_dumps(owned, JSON_COMPACT);

    return text != NULL ? b64_encode(text, strlen(text)) : NULL;
}

static json_t *claims_of(const struct profile *profile)
{
    char jti[PKCE_VALUE_SIZE];
    int64_t now = clock_real_s();

    if (!pkce_random(jti))
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "iss", profile->client_id, "sub",
                     profile->client_id, "aud", profile->issuer, "jti", jti, "iat", (json_int_t)now,
                     "exp", (json_int_t)(now + CLIENT_ASSERTION_S));
}

cps_error client_assertion_make(const struct profile *profile, char **ret_assertion,
                                struct fail *fail)
{
    AUTO_FREE char *header = NULL;
    AUTO_FREE char *claims = NULL;
    AUTO_FREE char *input = NULL;
    AUTO_FREE char *signature = NULL;
    char *assertion = NULL;
    EVP_PKEY *key = NULL;
    const char *alg;

    if (client_key_private(profile->client_key, &key, fail) != CPS_OK)
        return fail->code;
    alg = algorithm_of(key);
    if (alg == NULL)
        return refuse(fail, "the key is neither RSA of 2048 to 8192 bits nor P-256");
    header = encode(
        json_pack("{s:s, s:s, s:s*}", "alg", alg, "typ", "JWT", "kid", profile->client_key_id));
    claims = encode(claims_of(profile));
    if (header == NULL || claims == NULL || asprintf(&input, "%s.%s", header, claims) < 0) {
        input = NULL;
        return fail_set(fail, CPS_INTERNAL, "cannot make a client assertion");
    }
    signature = sign(key, input);
    if (signature == NULL) {
        client_key_forget(profile->client_key);
        return refuse(fail, "the key does not sign");
    }
    if (asprintf(&assertion, "%s.%s", input, signature) < 0)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    *ret_assertion = assertion;
    return CPS_OK;
}
