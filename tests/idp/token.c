/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <openssl/core_names.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/util.h"
#include "tests/idp/idp.h"

#define KID "idp-1"

static char *encode_json(json_t *json)
{
    AUTO_JSON json_t *owned = json;
    AUTO_FREE char *text = json_dumps(owned, JSON_COMPACT);

    return text != NULL ? b64_encode(text, strlen(text)) : NULL;
}

/* RS256 over claims, which are stolen. */
static char *sign(const struct idp *idp, json_t *claims)
{
    AUTO_FREE char *header =
        encode_json(json_pack("{s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT", "kid", KID));
    AUTO_FREE char *payload = encode_json(claims);
    AUTO_FREE char *signature_text = NULL;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char signature[512];
    size_t len = sizeof signature;
    char *input = NULL;
    char *token = NULL;

    if (asprintf(&input, "%s.%s", header, payload) < 0 ||
        EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, idp->key) != 1 ||
        EVP_DigestSign(context, signature, &len, (const unsigned char *)input, strlen(input)) != 1)
        errx(EXIT_FAILURE, "signature");
    EVP_MD_CTX_free(context);
    signature_text = b64_encode(signature, len);
    if (asprintf(&token, "%s.%s", input, signature_text) < 0)
        err(EXIT_FAILURE, "asprintf");
    free(input);
    return token;
}

/* Left half of the hash (OpenID Connect Core section 3.1.3.6). */
static char *half_hash(const char *text)
{
    unsigned char hash[SHA256_DIGEST_LENGTH];

    SHA256((const unsigned char *)text, strlen(text), hash);
    return b64_encode(hash, sizeof hash / 2);
}

static json_t *claims_of(const struct idp *idp, const struct idp_session *session,
                         const char *access_token)
{
    AUTO_FREE char *at_hash = half_hash(access_token);
    char sub[64];

    snprintf(sub, sizeof sub, "f:idp:%s", session->subject);
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "iss",
        idp->issuer, "aud", idp->client_id, "azp", idp->client_id, "sub", sub, "SubjectNameID",
        session->subject, "typ", "ID", "acr", "eidas1", "authMode", "MOBILE", "given_name",
        "ADELINE", "family_name", "VALMONT", "at_hash", at_hash, "iat", (json_int_t)idp_now(),
        "exp", (json_int_t)(idp_now() + IDP_ACCESS_S), "auth_time", (json_int_t)session->auth_time);
}

json_t *idp_tokens(const struct idp *idp, const struct idp_session *session)
{
    unsigned number = (unsigned)(session - idp->sessions);
    char access[IDP_ACCESS_LEN + 1], refresh[64];
    AUTO_FREE char *id_token = NULL;
    int len = snprintf(access, sizeof access, "at.%s.%08u.%08u.", session->subject, number,
                       session->turn);

    memset(access + len, 'x', sizeof access - 1 - (size_t)len);
    access[sizeof access - 1] = '\0';
    snprintf(refresh, sizeof refresh, "rt.%08u.%08u", number, session->turn);
    id_token = sign(idp, claims_of(idp, session, access));
    return json_pack("{s:s, s:s, s:i, s:s, s:i, s:s}", "access_token", access, "token_type",
                     "Bearer", "expires_in", IDP_ACCESS_S, "refresh_token", refresh,
                     "refresh_expires_in", IDP_REFRESH_S, "id_token", id_token);
}

static char *number_of(const EVP_PKEY *key, const char *which)
{
    BIGNUM *number = NULL;
    unsigned char bytes[512];
    char *text = NULL;
    int len;

    if (EVP_PKEY_get_bn_param(key, which, &number) == 1 && (len = BN_bn2bin(number, bytes)) > 0)
        text = b64_encode(bytes, (size_t)len);
    BN_free(number);
    return text;
}

json_t *idp_jwks(const struct idp *idp)
{
    AUTO_FREE char *n = number_of(idp->key, OSSL_PKEY_PARAM_RSA_N);
    AUTO_FREE char *e = number_of(idp->key, OSSL_PKEY_PARAM_RSA_E);

    return json_pack("{s:[{s:s, s:s, s:s, s:s, s:s, s:s}]}", "keys", "kty", "RSA", "use", "sig",
                     "alg", "RS256", "kid", KID, "n", n, "e", e);
}
