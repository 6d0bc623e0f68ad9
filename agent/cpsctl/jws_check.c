/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/jws_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/jws.h"
#include "base/util.h"

/* A P-256 coordinate; the shortest and longest RSA modulus accepted (2048 to 8192 bits). */
#define EC_BYTES      32
#define RSA_BYTES_MIN 256
#define RSA_BYTES_MAX 1024

#define REJECT(reason, ...) fail_reason(fail, CPS_STATEMENT_REJECTED, (reason), __VA_ARGS__)

/* Exactly three parts, none empty. */
static cps_error split(const char *token, size_t len, struct jws_part parts[static JWS_PARTS],
                       struct fail *fail)
{
    if (len > JWS_CHECK_MAX)
        return REJECT("segments", "too long");
    if (!jws_split(token, len, parts))
        return REJECT("segments", "not three parts");
    for (size_t i = 0; i < JWS_PARTS; i++)
        if (parts[i].len == 0)
            return REJECT("segments", "a part is empty");
    return CPS_OK;
}

/* A part as a JSON object. */
static cps_error decode_object(const struct jws_part *part, const char *reason, json_t **ret,
                               struct fail *fail)
{
    AUTO_FREE uint8_t *bytes = malloc(part->len);
    AUTO_JSON json_t *object = NULL;
    ptrdiff_t n;

    if (bytes == NULL)
        return fail_set(fail, CPS_INTERNAL, "no memory");
    n = b64_decode(part->text, part->len, bytes, part->len);
    if (n < 0)
        return REJECT("base64", "the %s is not canonical base64url", reason);
    object = json_parse_strict((const char *)bytes, (size_t)n);
    if (!json_is_object(object))
        return REJECT(reason, "the %s is not a JSON object", reason);
    *ret = TAKE_PTR(object);
    return CPS_OK;
}

/* Text in a message: what a hostile token says is not repeated. */
static cps_error check_header(const json_t *header, const struct jws_rules *rules,
                              struct fail *fail)
{
    const char *alg = json_get_string(header, "alg");
    const char *typ = json_get_string(header, "typ");

    if (json_object_get(header, "crit") != NULL || json_object_get(header, "b64") != NULL)
        return REJECT("crit", "the header asks for an extension");
    if (alg == NULL || strcmp(alg, rules->alg) != 0)
        return REJECT("alg", "the algorithm is not %s", rules->alg);
    if (rules->typ[0] != '\0' && (typ == NULL || strcmp(typ, rules->typ) != 0))
        return REJECT("typ", "the type is not %s", rules->typ);
    if (json_get_string(header, "kid") == NULL)
        return REJECT("kid", "the header names no key");
    return CPS_OK;
}

/* The length of a member's bytes, 0 when it is absent or not base64url. */
static size_t bytes_of(const json_t *key, const char *name)
{
    const char *text = json_get_string(key, name);
    uint8_t bytes[RSA_BYTES_MAX];
    ptrdiff_t n = text != NULL ? b64_decode(text, strlen(text), bytes, sizeof bytes) : 0;

    if (n <= 0 || (n > 1 && bytes[0] == 0 && strcmp(name, "n") == 0))
        return 0;
    return (size_t)n;
}

static bool is_or_absent(const json_t *key, const char *name, const char *value)
{
    const json_t *member = json_object_get(key, name);

    return member == NULL ||
           (json_is_string(member) && strcmp(json_string_value(member), value) == 0);
}

/* The public key reduced to its numbers, or NULL when it does not fit the algorithm. */
static json_t *usable_key(const json_t *key, const char *alg)
{
    const char *kty = json_get_string(key, "kty");

    if (kty == NULL || !is_or_absent(key, "alg", alg) || !is_or_absent(key, "use", "sig"))
        return NULL;
    if (strcmp(alg, "ES256") == 0 && strcmp(kty, "EC") == 0 && bytes_of(key, "x") == EC_BYTES &&
        bytes_of(key, "y") == EC_BYTES && json_get_string(key, "crv") != NULL &&
        strcmp(json_get_string(key, "crv"), "P-256") == 0)
        return json_pack("{s:s, s:s, s:O, s:O}", "kty", "EC", "crv", "P-256", "x",
                         json_object_get(key, "x"), "y", json_object_get(key, "y"));
    if (strcmp(alg, "RS256") == 0 && strcmp(kty, "RSA") == 0 &&
        bytes_of(key, "n") >= RSA_BYTES_MIN && bytes_of(key, "e") > 0)
        return json_pack("{s:s, s:O, s:O}", "kty", "RSA", "n", json_object_get(key, "n"), "e",
                         json_object_get(key, "e"));
    return NULL;
}

/* The one key of that kid. */
static cps_error find_key(const json_t *jwks, const char *kid, const char *alg, json_t **ret,
                          struct fail *fail)
{
    const json_t *found = NULL;
    const json_t *key;
    size_t i;

    json_array_foreach (json_get_array(jwks, "keys"), i, key) {
        const char *name = json_get_string(key, "kid");

        if (name == NULL || strcmp(name, kid) != 0)
            continue;
        if (found != NULL)
            return REJECT("key", "two keys have this name");
        found = key;
    }
    if (found == NULL)
        return REJECT("kid", "no key of the set has this name");
    *ret = usable_key(found, alg);
    if (*ret == NULL)
        return REJECT("key", "the key is not one for %s", alg);
    return CPS_OK;
}

static cps_error check_signature(const struct jws_part parts[static JWS_PARTS],
                                 const json_t *header, const json_t *jwks, const char *alg,
                                 struct fail *fail)
{
    const struct jws_part *text = &parts[JWS_SIGNATURE];
    AUTO_JSON json_t *key = NULL;
    uint8_t signature[RSA_BYTES_MAX];
    cps_error error = find_key(jwks, json_get_string(header, "kid"), alg, &key, fail);

    if (error != CPS_OK)
        return error;
    /* One text for each signature: a token must not have twins. */
    if (b64_decode(text->text, text->len, signature, sizeof signature) < 0)
        return REJECT("base64", "the signature is not canonical base64url");
    if (!jws_signature_fits(parts, key))
        return REJECT("signature", "the signature is wrong");
    return CPS_OK;
}

static cps_error check_times(const json_t *claims, const struct jws_rules *rules, struct fail *fail)
{
    int64_t exp = json_get_int(claims, "exp", -1);
    int64_t iat = json_get_int(claims, "iat", -1);
    int64_t nbf = json_get_int(claims, "nbf", 0);

    if (exp < 0 || iat < 0)
        return REJECT("claims", "exp or iat is missing");
    if (exp <= rules->now_s - rules->leeway_s)
        return REJECT("exp", "expired %lld s ago", (long long)(rules->now_s - exp));
    if (nbf > rules->now_s + rules->leeway_s)
        return REJECT("nbf", "not valid yet");
    if (iat > rules->now_s + rules->leeway_s)
        return REJECT("iat", "issued in the future");
    if (strcmp(rules->typ, JWS_STATEMENT_TYP) == 0 &&
        (exp <= iat || exp - iat > JWS_STATEMENT_LIFE))
        return REJECT("lifetime", "valid for more than %d s", JWS_STATEMENT_LIFE);
    return CPS_OK;
}

/* aud is a string or an array of strings (RFC 7519 section 4.1.3). */
static bool is_for(const json_t *aud, const char *audience)
{
    const json_t *item;
    size_t i;

    if (json_is_string(aud))
        return strcmp(json_string_value(aud), audience) == 0;
    json_array_foreach (aud, i, item)
        if (json_is_string(item) && strcmp(json_string_value(item), audience) == 0)
            return true;
    return false;
}

static cps_error check_claims(const json_t *claims, const struct jws_rules *rules,
                              struct fail *fail)
{
    const char *nonce = json_get_string(claims, "nonce");
    cps_error error = rules->untimed ? CPS_OK : check_times(claims, rules, fail);

    if (error != CPS_OK)
        return error;
    if (rules->audience != NULL && !is_for(json_object_get(claims, "aud"), rules->audience))
        return REJECT("aud", "meant for another audience");
    if (rules->nonce != NULL && (nonce == NULL || strcmp(nonce, rules->nonce) != 0))
        return REJECT("nonce", "the nonce is another");
    return CPS_OK;
}

cps_error jws_check(const char *token, size_t len, const json_t *jwks,
                    const struct jws_rules *rules, json_t **ret_claims, struct fail *fail)
{
    AUTO_JSON json_t *header = NULL;
    AUTO_JSON json_t *claims = NULL;
    struct jws_part parts[JWS_PARTS];
    cps_error error = split(token, len, parts, fail);

    if (error == CPS_OK)
        error = decode_object(&parts[JWS_HEADER], "header", &header, fail);
    if (error == CPS_OK)
        error = check_header(header, rules, fail);
    if (error == CPS_OK)
        error = check_signature(parts, header, jwks, rules->alg, fail);
    if (error == CPS_OK)
        error = decode_object(&parts[JWS_PAYLOAD], "claims", &claims, fail);
    if (error == CPS_OK)
        error = check_claims(claims, rules, fail);
    if (error == CPS_OK)
        *ret_claims = TAKE_PTR(claims);
    return error;
}
