/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/jwks.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/jws.h"
#include "base/util.h"

#define KID_MAX 256

struct key {
    char *kid; /* NULL when the set gives none */
    EVP_PKEY *public;
};

struct jwks {
    struct key keys[JWKS_KEYS_MAX];
    size_t n;
};

/* Bits of a base64url big-endian integer, leading zeros not counted; 0 when it is not one. */
static size_t bits_of(const char *text, uint8_t *ret_last)
{
    uint8_t bytes[JWKS_BITS_MAX / 8 + 1];
    ptrdiff_t len = text != NULL ? b64_decode(text, strlen(text), bytes, sizeof bytes) : -1;
    size_t at = 0;
    size_t bits;

    while (len > 0 && at < (size_t)len && bytes[at] == 0)
        at++;
    if (len <= 0 || at == (size_t)len)
        return 0;
    *ret_last = bytes[len - 1];
    bits = ((size_t)len - at - 1) * 8;
    for (unsigned top = bytes[at]; top != 0; top >>= 1)
        bits++;
    return bits;
}

/* A modulus of the right size and an odd exponent that is neither 1 nor larger than 32 bits. */
static bool numbers_fit(const json_t *jwk)
{
    uint8_t last = 0;
    size_t n_bits = bits_of(json_get_string(jwk, "n"), &last);
    bool n_odd = (last & 1) != 0;
    size_t e_bits = bits_of(json_get_string(jwk, "e"), &last);

    return n_bits >= JWKS_BITS_MIN && n_bits <= JWKS_BITS_MAX && n_odd && e_bits > 1 &&
           e_bits <= 32 && (last & 1) != 0;
}

/* Absent, or exactly this string. */
static bool absent_or(const json_t *jwk, const char *member, const char *wanted)
{
    const json_t *value = json_object_get(jwk, member);

    return value == NULL ||
           (json_is_string(value) && strcmp(json_string_value(value), wanted) == 0);
}

static bool may_verify(const json_t *jwk)
{
    const json_t *operations = json_object_get(jwk, "key_ops");
    size_t i;
    json_t *operation;

    if (operations == NULL)
        return true;
    json_array_foreach (operations, i, operation)
        if (json_is_string(operation) && strcmp(json_string_value(operation), "verify") == 0)
            return true;
    return false;
}

static bool usable(const json_t *jwk)
{
    const char *type = json_get_string(jwk, "kty");
    const json_t *kid = json_object_get(jwk, "kid");

    return type != NULL && strcmp(type, "RSA") == 0 && absent_or(jwk, "use", "sig") &&
           absent_or(jwk, "alg", "RS256") && may_verify(jwk) && numbers_fit(jwk) &&
           (kid == NULL || (json_is_string(kid) && json_string_length(kid) <= KID_MAX));
}

static bool add(struct jwks *jwks, const json_t *jwk)
{
    const char *kid = json_get_string(jwk, "kid");
    struct key *key = &jwks->keys[jwks->n];
    AUTO_JSON json_t *numbers =
        json_pack("{s:s, s:s, s:s}", "kty", "RSA", "n", json_get_string(jwk, "n"), "e",
                  json_get_string(jwk, "e"));

    key->public = numbers != NULL ? jws_public_key(numbers) : NULL;
    key->kid = kid != NULL ? strdup(kid) : NULL;
    jwks->n++; /* freed with the set, complete or not */
    return key->public != NULL && (kid == NULL || key->kid != NULL);
}

static cps_error refuse(struct fail *fail, const char *why)
{
    return fail_reason(fail, CPS_PROVIDER_ANSWER, "jwks", "key set: %s", why);
}

static bool known(const struct jwks *jwks, const char *kid)
{
    return kid != NULL && jwks_find(jwks, kid) != NULL;
}

cps_error jwks_read(const json_t *set, struct jwks **ret_jwks, struct fail *fail)
{
    AUTO_JWKS struct jwks *jwks = calloc(1, sizeof *jwks);
    const json_t *list = json_get_array(set, "keys");
    size_t i;
    json_t *jwk;

    if (jwks == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (list == NULL)
        return refuse(fail, "not a JWK Set");
    json_array_foreach (list, i, jwk) {
        if (!usable(jwk))
            continue;
        if (known(jwks, json_get_string(jwk, "kid")))
            return refuse(fail, "two keys share a kid");
        if (jwks->n == JWKS_KEYS_MAX)
            return refuse(fail, "too many keys");
        if (!add(jwks, jwk))
            return fail_set(fail, CPS_INTERNAL, "out of memory");
    }
    if (jwks->n == 0)
        return refuse(fail, "no RSA key of 2048 bits or more for RS256 signatures");
    *ret_jwks = TAKE_PTR(jwks);
    return CPS_OK;
}

void jwks_free(struct jwks *jwks)
{
    if (jwks == NULL)
        return;
    for (size_t i = 0; i < jwks->n; i++) {
        free(jwks->keys[i].kid);
        EVP_PKEY_free(jwks->keys[i].public);
    }
    free(jwks);
}

EVP_PKEY *jwks_find(const struct jwks *jwks, const char *kid)
{
    if (kid == NULL)
        return jwks->n == 1 ? jwks->keys[0].public : NULL;
    for (size_t i = 0; i < jwks->n; i++)
        if (jwks->keys[i].kid != NULL && strcmp(jwks->keys[i].kid, kid) == 0)
            return jwks->keys[i].public;
    return NULL;
}
