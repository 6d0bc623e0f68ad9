/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-idtoken TOKEN JWKS ISSUER CLIENT_ID CORE: the check of an RS256 ID token as cps-oidcd does
 * it, beside the least that is right: split, decode, one EVP verification with a key read before,
 * five claims looked at by jansson. Both in rounds, one after the other; prints what a check took
 * in each.
 */
#include <err.h>
#include <jansson.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/idtoken.h"
#include "oidc/jwks.h"
#include "oidc/jws.h"
#include "tests/bench/clocks.h"

#define ROUNDS    21
#define A_ROUND   200
#define BYTES_MAX 8192

struct bench {
    char *token;
    const char *issuer;
    const char *client_id;
    struct jwks *keys;
    EVP_PKEY *key;
};

static char *content(const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, BYTES_MAX);

    if (file == NULL || text == NULL || fread(text, 1, BYTES_MAX - 1, file) == 0)
        err(EXIT_FAILURE, "%s", path);
    fclose(file);
    return text;
}

static BIGNUM *number(const json_t *jwk, const char *member)
{
    const char *text = json_get_string(jwk, member);
    uint8_t bytes[1024];
    ptrdiff_t len = b64_decode(text, strlen(text), bytes, sizeof bytes);

    return BN_bin2bn(bytes, (int)len, NULL);
}

static EVP_PKEY *key_of(const json_t *set)
{
    const json_t *jwk = json_array_get(json_object_get(set, "keys"), 0);
    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    OSSL_PARAM *params;
    EVP_PKEY *key = NULL;

    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, number(jwk, "n"));
    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, number(jwk, "e"));
    params = OSSL_PARAM_BLD_to_param(build);
    if (EVP_PKEY_fromdata_init(context) != 1 ||
        EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        errx(EXIT_FAILURE, "no key");
    return key;
}

static json_t *part(const char *text, size_t len)
{
    char bytes[BYTES_MAX];
    ptrdiff_t n = b64_decode(text, len, (uint8_t *)bytes, sizeof bytes);

    return n > 0 ? json_loadb(bytes, (size_t)n, 0, NULL) : NULL;
}

static bool is(const json_t *object, const char *member, const char *text)
{
    const char *value = json_get_string(object, member);

    return value != NULL && strcmp(value, text) == 0;
}

static bool by_hand(const struct bench *bench)
{
    const char *payload = strchr(bench->token, '.') + 1;
    const char *signature = strchr(payload, '.') + 1;
    AUTO_JSON json_t *header = part(bench->token, (size_t)(payload - 1 - bench->token));
    AUTO_JSON json_t *claims = part(payload, (size_t)(signature - 1 - payload));
    uint8_t bytes[1024];
    ptrdiff_t len = b64_decode(signature, strlen(signature), bytes, sizeof bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = len > 0 && is(header, "alg", "RS256") && json_get_string(header, "kid") != NULL &&
                EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, bench->key) == 1 &&
                EVP_DigestVerify(context, bytes, (size_t)len, (const uint8_t *)bench->token,
                                 (size_t)(signature - 1 - bench->token)) == 1;

    EVP_MD_CTX_free(context);
    return good && is(claims, "iss", bench->issuer) && is(claims, "aud", bench->client_id) &&
           json_get_int(claims, "exp", 0) > clock_real_s();
}

static bool ours(const struct bench *bench)
{
    char *none[] = {NULL};
    struct idtoken_expect expect = {.issuer = bench->issuer,
                                    .client_id = bench->client_id,
                                    .accepted_acr = none,
                                    .typ_required = true,
                                    .max_age_s = -1};
    AUTO_WIPED char *payload = NULL;
    AUTO_JSON json_t *claims = NULL;
    struct fail fail = FAIL_INIT;
    size_t len = 0;

    if (jws_verify(bench->token, bench->keys, &payload, &len, &fail) != JWS_OK)
        return false;
    claims = json_parse_strict(payload, len);
    return idtoken_check(claims, &expect, &fail) == CPS_OK;
}

static double round_us(bool (*check)(const struct bench *bench), const struct bench *bench)
{
    int64_t start_ns = clocks_now_ns();

    for (int i = 0; i < A_ROUND; i++)
        if (!check(bench))
            errx(EXIT_FAILURE, "the token is refused");
    return clocks_us(clocks_now_ns() - start_ns) / A_ROUND;
}

int main(int argc, char **argv)
{
    struct bench bench = {0};
    AUTO_FREE char *set_text = NULL;
    AUTO_JSON json_t *set = NULL;
    struct fail fail = FAIL_INIT;

    if (argc != 6)
        errx(2, "usage: bench-idtoken TOKEN JWKS ISSUER CLIENT_ID CORE");
    clocks_pin(atoi(argv[5]));
    bench.token = content(argv[1]);
    set_text = content(argv[2]);
    set = json_loads(set_text, 0, NULL);
    bench.issuer = argv[3];
    bench.client_id = argv[4];
    if (jwks_read(set, &bench.keys, &fail) != CPS_OK)
        errx(EXIT_FAILURE, "no key set");
    bench.key = key_of(set);
    printf("[");
    for (int i = 0; i < ROUNDS; i++)
        printf("%s{\"ours_us\": %.2f, \"hand_us\": %.2f}", i > 0 ? ", " : "",
               round_us(ours, &bench), round_us(by_hand, &bench));
    printf("]\n");
    jwks_free(bench.keys);
    EVP_PKEY_free(bench.key);
    free(bench.token);
    return EXIT_SUCCESS;
}
