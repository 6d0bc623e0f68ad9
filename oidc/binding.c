/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/binding.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/jws.h"
#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/token_endpoint.h"

/* Base64 of 64 hexadecimal digits: 86 characters and "==". */
#define HEX_LEN     64
#define HEX_B64_LEN 88

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

static bool from_hex(const uint8_t hex[static HEX_LEN], uint8_t hash[static BINDING_HASH_SIZE])
{
    for (size_t i = 0; i < BINDING_HASH_SIZE; i++) {
        int high = digit((char)hex[2 * i]);
        int low = digit((char)hex[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        hash[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* EVP_DecodeBlock skips white space at both ends, and counts what the padding stands for. */
static bool from_hex_in_base64(const char *text, uint8_t hash[static BINDING_HASH_SIZE])
{
    uint8_t hex[HEX_B64_LEN / 4 * 3];

    return strcmp(text + HEX_B64_LEN - 2, "==") == 0 &&
           EVP_DecodeBlock(hex, (const unsigned char *)text, HEX_B64_LEN) == (int)sizeof hex &&
           from_hex(hex, hash);
}

bool binding_thumbprint(const char *text, uint8_t ret_hash[static BINDING_HASH_SIZE])
{
    uint8_t hash[BINDING_HASH_SIZE];
    size_t len = strlen(text);
    bool ok = len == HEX_B64_LEN ? from_hex_in_base64(text, hash)
                                 : b64_decode(text, len, hash, sizeof hash) == BINDING_HASH_SIZE;

    if (ok)
        memcpy(ret_hash, hash, sizeof hash);
    return ok;
}

/* The claims of a JWT, or NULL when it is none. */
static json_t *claims_of(const char *token)
{
    struct jws_part parts[JWS_PARTS];
    AUTO_WIPED char *payload = NULL;
    ptrdiff_t len;

    if (!jws_split(token, strlen(token), parts) || parts[JWS_PAYLOAD].len > TOKEN_ACCESS_MAX)
        return NULL;
    payload = calloc(1, parts[JWS_PAYLOAD].len + 1);
    if (payload == NULL)
        return NULL;
    len = b64_decode(parts[JWS_PAYLOAD].text, parts[JWS_PAYLOAD].len, (uint8_t *)payload,
                     parts[JWS_PAYLOAD].len);
    return len > 0 ? json_parse_strict(payload, (size_t)len) : NULL;
}

enum binding binding_of(const char *token, const X509 *certificate)
{
    AUTO_JSON json_t *claims = claims_of(token);
    const json_t *cnf = json_object_get(claims, "cnf");
    const char *text = json_get_string(cnf, "x5t#S256");
    uint8_t theirs[BINDING_HASH_SIZE], ours[EVP_MAX_MD_SIZE];

    if (cnf == NULL)
        return BINDING_NONE;
    if (text == NULL || certificate == NULL || !binding_thumbprint(text, theirs) ||
        X509_digest(certificate, EVP_sha256(), ours, NULL) != 1 ||
        memcmp(theirs, ours, sizeof theirs) != 0)
        return BINDING_OTHER;
    return BINDING_OURS;
}
