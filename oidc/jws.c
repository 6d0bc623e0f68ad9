/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/jws.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/jws.h"
#include "base/util.h"
#include "oidc/buffer.h"

/* The longest header worth reading: kid and a few registered members. */
#define HEADER_MAX 4096

static enum jws_result refuse(struct fail *fail, const char *reason, const char *why)
{
    fail_reason(fail, CPS_ID_TOKEN_REJECTED, reason, "%s", why);
    return JWS_REFUSED;
}

/* The bytes of a part, NUL-terminated, for wipe_free; NULL when it is not strict base64url. */
static char *decode(const struct jws_part *part, size_t *ret_len)
{
    size_t size = part->len / 4 * 3 + 3;
    char *bytes = calloc(1, size + 1);
    ptrdiff_t len;

    if (bytes == NULL)
        return NULL;
    len = b64_decode(part->text, part->len, (uint8_t *)bytes, size);
    if (len < 0) {
        free(bytes);
        return NULL;
    }
    *ret_len = (size_t)len;
    return bytes;
}

static bool typ_fits(const json_t *header)
{
    const json_t *typ = json_object_get(header, "typ");

    return typ == NULL || (json_is_string(typ) && strcasecmp(json_string_value(typ), "JWT") == 0);
}

/*
 * The key that the header names. Key material in the header (jwk, jku, x5u, x5c) is never looked
 * at (RFC 8725 section 3.10).
 */
static enum jws_result check_header(const json_t *header, const struct jwks *keys,
                                    EVP_PKEY **ret_key, struct fail *fail)
{
    const char *alg = json_get_string(header, "alg");
    const json_t *kid = json_object_get(header, "kid");

    if (alg == NULL || strcmp(alg, "RS256") != 0)
        return refuse(fail, "alg", "signature algorithm is not RS256");
    if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL)
        return refuse(fail, "crit", "header has critical extensions");
    if (!typ_fits(header))
        return refuse(fail, "typ", "header is of another type of token");
    if (kid != NULL && !json_is_string(kid))
        return refuse(fail, "kid", "kid is not a string");
    *ret_key = jwks_find(keys, json_string_value(kid));
    if (*ret_key != NULL)
        return JWS_OK;
    refuse(fail, "kid", kid != NULL ? "no such key" : "no kid, and more than one key");
    return JWS_UNKNOWN_KEY;
}

/* RS256: PKCS #1 v1.5 with SHA-256 over the first two parts as they are (RFC 7515 section 5.2). */
static bool signature_fits(const struct jws_part parts[static JWS_PARTS], EVP_PKEY *key,
                           const char *signature, size_t len)
{
    const struct jws_part *payload = &parts[JWS_PAYLOAD];
    const char *input = parts[JWS_HEADER].text;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool fits = context != NULL &&
                EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1 &&
                EVP_DigestVerify(context, (const unsigned char *)signature, len,
                                 (const unsigned char *)input,
                                 (size_t)(payload->text + payload->len - input)) == 1;

    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return fits;
}

enum jws_result jws_verify(const char *token, const struct jwks *keys, char **ret_payload,
                           size_t *ret_len, struct fail *fail)
{
    struct jws_part parts[JWS_PARTS];
    AUTO_WIPED char *header = NULL;
    AUTO_WIPED char *payload = NULL;
    AUTO_WIPED char *signature = NULL;
    AUTO_JSON json_t *json = NULL;
    EVP_PKEY *key = NULL;
    size_t header_len, payload_len, signature_len;
    enum jws_result result;

    if (strnlen(token, JWS_MAX + 1) > JWS_MAX)
        return refuse(fail, "size", "token is too long");
    if (!jws_split(token, strlen(token), parts) || parts[JWS_HEADER].len == 0)
        return refuse(fail, "segments", "not three parts");
    if (parts[JWS_HEADER].len > HEADER_MAX)
        return refuse(fail, "size", "header is too long");
    header = decode(&parts[JWS_HEADER], &header_len);
    payload = decode(&parts[JWS_PAYLOAD], &payload_len);
    signature = decode(&parts[JWS_SIGNATURE], &signature_len);
    if (header == NULL || payload == NULL || signature == NULL)
        return refuse(fail, "base64", "not strict base64url");
    json = json_parse_strict(header, header_len);
    if (!json_is_object(json))
        return refuse(fail, "json", "header is not strict JSON");
    result = check_header(json, keys, &key, fail);
    if (result != JWS_OK)
        return result;
    if (signature_len == 0 || !signature_fits(parts, key, signature, signature_len))
        return refuse(fail, "signature", "signature does not verify");
    *ret_payload = TAKE_PTR(payload);
    *ret_len = payload_len;
    return JWS_OK;
}
