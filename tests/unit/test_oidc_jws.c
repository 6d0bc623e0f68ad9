/* SPDX-License-Identifier: Apache-2.0 */
/* The JWS front and the key sets, with tokens signed here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jose/jose.h>

#include "base/b64.h"
#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/jws.h"
#include "oidc/userinfo.h"

static json_t *key;    /* private, RSA 2048, kid "k1" */
static json_t *public; /* its public half */

static int make_key(void **state)
{
    (void)state;
    key = json_pack("{s:s, s:i, s:s}", "kty", "RSA", "bits", 2048, "kid", "k1");
    if (!jose_jwk_gen(NULL, key))
        return -1;
    public = json_deep_copy(key);
    return jose_jwk_pub(NULL, public) ? 0 : -1;
}

static int drop_key(void **state)
{
    (void)state;
    json_decref(key);
    json_decref(public);
    return 0;
}

/* A compact token over these texts, as they are. */
static char *sign(const char *header, const char *payload)
{
    AUTO_JSON json_t *jws = json_object();
    AUTO_JSON json_t *signature = json_object();
    AUTO_JSON json_t *signer = json_deep_copy(key);
    AUTO_FREE char *protected = b64_encode(header, strlen(header));
    AUTO_FREE char *body = b64_encode(payload, strlen(payload));
    char *token = NULL;

    json_object_set_new(signer, "alg", json_string("RS256"));
    json_object_set_new(jws, "payload", json_string(body));
    json_object_set_new(signature, "protected", json_string(protected));
    assert_true(jose_jws_sig(NULL, jws, signature, signer));
    assert_true(asprintf(&token, "%s.%s.%s", protected, body,
                         json_string_value(json_object_get(jws, "signature"))) > 0);
    return token;
}

static struct jwks *keys_of(json_t *set)
{
    struct jwks *keys = NULL;
    struct fail fail = FAIL_INIT;

    assert_int_equal(jwks_read(set, &keys, &fail), CPS_OK);
    return keys;
}

/* reason "": accepted, with that payload. */
static void check(const char *token, const struct jwks *keys, const char *reason)
{
    AUTO_WIPED char *payload = NULL;
    struct fail fail = FAIL_INIT;
    size_t len = 0;
    enum jws_result result = jws_verify(token, keys, &payload, &len, &fail);

    assert_string_equal(fail.reason, reason);
    if (reason[0] == '\0') {
        assert_int_equal(result, JWS_OK);
        assert_int_equal(strlen(payload), len);
    } else {
        assert_int_not_equal(result, JWS_OK);
        assert_int_equal(fail.code, CPS_ID_TOKEN_REJECTED);
        assert_null(payload);
    }
}

static void check_header(const char *header, const char *reason)
{
    AUTO_JSON json_t *set = json_pack("{s:[O]}", "keys", public);
    AUTO_JWKS struct jwks *keys = keys_of(set);
    AUTO_FREE char *token = sign(header, "{\"sub\":\"x\"}");

    check(token, keys, reason);
}

static void test_headers(void **state)
{
    (void)state;
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"JWT\"}", "");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\"}", "");
    check_header("{\"alg\":\"RS256\"}", "");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"jku\":\"https://evil.example.test\"}", "");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"jwt\"}", "");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k2\"}", "kid");
    check_header("{\"alg\":\"RS256\",\"kid\":1}", "kid");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":[\"exp\"]}", "crit");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"crit\":null}", "crit");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"b64\":false}", "crit");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":\"at+jwt\"}", "typ");
    check_header("{\"alg\":\"RS256\",\"kid\":\"k1\",\"typ\":3}", "typ");
}

/* Rightly signed, and longer than any header has to be. */
static void test_a_long_header(void **state)
{
    static const char start[] = "{\"alg\":\"RS256\",\"kid\":\"k1\",\"x\":\"";
    AUTO_FREE char *header = NULL;

    (void)state;
    assert_true(asprintf(&header, "%s%02000d\"}", start, 0) > 0);
    check_header(header, "");
    free(header);
    assert_true(asprintf(&header, "%s%04000d\"}", start, 0) > 0);
    check_header(header, "size");
}

/* These cannot be signed by the library: the front must refuse them before the signature. */
static void test_foreign_headers(void **state)
{
    static const struct {
        const char *header;
        const char *reason;
    } headers[] = {
        {"{\"alg\":\"none\"}", "alg"},
        {"{\"alg\":\"HS256\",\"kid\":\"k1\"}", "alg"},
        {"{\"alg\":\"PS256\",\"kid\":\"k1\"}", "alg"},
        {"{\"alg\":\"rs256\",\"kid\":\"k1\"}", "alg"},
        {"{\"alg\":[\"RS256\"],\"kid\":\"k1\"}", "alg"},
        {"{\"kid\":\"k1\"}", "alg"},
        {"{\"alg\":\"RS256\",\"alg\":\"RS256\",\"kid\":\"k1\"}", "json"},
        {"{\"alg\":\"RS256\",\"kid\":\"k1\"} x", "json"},
        {"[\"RS256\"]", "json"},
    };
    AUTO_JSON json_t *set = json_pack("{s:[O]}", "keys", public);
    AUTO_JWKS struct jwks *keys = keys_of(set);

    (void)state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        AUTO_FREE char *part = b64_encode(headers[i].header, strlen(headers[i].header));
        AUTO_FREE char *token = NULL;

        assert_true(asprintf(&token, "%s.e30.AAAA", part) > 0);
        check(token, keys, headers[i].reason);
    }
}

static void test_shapes(void **state)
{
    AUTO_JSON json_t *set = json_pack("{s:[O]}", "keys", public);
    AUTO_JWKS struct jwks *keys = keys_of(set);
    AUTO_FREE char *good = sign("{\"alg\":\"RS256\",\"kid\":\"k1\"}", "{\"a\":1}");
    AUTO_FREE char *huge = calloc(1, JWS_MAX + 2);
    char changed[2048];

    (void)state;
    memset(huge, 'A', JWS_MAX + 1);
    check(huge, keys, "size");
    check("", keys, "segments");
    check("..", keys, "segments");
    check("a.b", keys, "segments");
    assert_true((size_t)snprintf(changed, sizeof changed, "%s.", good) < sizeof changed);
    check(changed, keys, "segments");
    snprintf(changed, sizeof changed, "%s.e30", good);
    check(changed, keys, "segments");
    snprintf(changed, sizeof changed, "%s=", good);
    check(changed, keys, "base64");
    snprintf(changed, sizeof changed, "%s\n", good);
    check(changed, keys, "base64");
    snprintf(changed, sizeof changed, " %s", good);
    check(changed, keys, "base64");
    *(strrchr(good, '.') + 1) = '\0';
    check(good, keys, "signature");
}

static void test_a_changed_payload_is_refused(void **state)
{
    AUTO_JSON json_t *set = json_pack("{s:[O]}", "keys", public);
    AUTO_JWKS struct jwks *keys = keys_of(set);
    AUTO_FREE char *good = sign("{\"alg\":\"RS256\",\"kid\":\"k1\"}", "{\"a\":1}");
    char *payload = strchr(good, '.') + 1;

    (void)state;
    payload[0] = payload[0] == 'e' ? 'f' : 'e';
    check(good, keys, "signature");
}

static json_t *variant(const char *member, json_t *value)
{
    json_t *copy = json_deep_copy(public);

    json_object_set_new(copy, member, value);
    return copy;
}

static void check_set(json_t *jwk, bool usable)
{
    AUTO_JSON json_t *set = json_pack("{s:[o]}", "keys", jwk);
    AUTO_JWKS struct jwks *keys = NULL;
    struct fail fail = FAIL_INIT;

    assert_int_equal(jwks_read(set, &keys, &fail), usable ? CPS_OK : CPS_PROVIDER_ANSWER);
    if (!usable)
        assert_string_equal(fail.reason, "jwks");
}

/* A number of so many bits, odd or even, behind so many zeros. */
static json_t *number(size_t bits, bool odd, size_t zeros)
{
    uint8_t bytes[1100] = {0};
    size_t len = zeros + (bits + 7) / 8;
    AUTO_FREE char *text = NULL;

    bytes[zeros] = (uint8_t)(1 << (bits - 1) % 8);
    bytes[len - 1] |= odd ? 1 : 0;
    text = b64_encode(bytes, len);
    return json_string(text);
}

static void test_sizes_of_keys(void **state)
{
    (void)state;
    check_set(variant("n", number(JWKS_BITS_MIN - 1, true, 0)), false);
    check_set(variant("n", number(JWKS_BITS_MIN, true, 0)), true);
    check_set(variant("n", number(JWKS_BITS_MIN, false, 0)), false);
    check_set(variant("n", number(JWKS_BITS_MIN, true, 1)), true);
    check_set(variant("n", number(JWKS_BITS_MIN - 8, true, 1)), false);
    check_set(variant("n", number(JWKS_BITS_MAX, true, 0)), true);
    check_set(variant("n", number(JWKS_BITS_MAX + 1, true, 0)), false);
    check_set(variant("e", number(2, true, 0)), true);
    check_set(variant("e", number(32, true, 0)), true);
    check_set(variant("e", number(33, true, 0)), false);
}

/* A kid may be so long; a set may hold so many keys that can be used, and any number of others. */
static void test_limits_of_sets(void **state)
{
    AUTO_JSON json_t *list = json_array();
    AUTO_JSON json_t *set = json_pack("{s:O}", "keys", list);
    struct jwks *keys = NULL;
    struct fail fail = FAIL_INIT;
    char kid[258];

    (void)state;
    memset(kid, 'k', sizeof kid);
    check_set(variant("kid", json_stringn(kid, 256)), true);
    check_set(variant("kid", json_stringn(kid, 257)), false);
    for (int i = 0; i <= JWKS_KEYS_MAX; i++)
        json_array_append_new(list, variant("kty", json_string("EC")));
    for (int i = 0; i < JWKS_KEYS_MAX; i++) {
        snprintf(kid, sizeof kid, "key %d", i);
        json_array_append_new(list, variant("kid", json_string(kid)));
    }
    jwks_free(keys_of(set));
    json_array_append_new(list, variant("kid", json_string("one more")));
    assert_int_equal(jwks_read(set, &keys, &fail), CPS_PROVIDER_ANSWER);
    assert_null(keys);
}

static void test_keys(void **state)
{
    (void)state;
    check_set(variant("use", json_string("sig")), true);
    check_set(variant("use", json_string("enc")), false);
    check_set(variant("use", json_integer(1)), false);
    check_set(variant("alg", json_string("RS256")), true);
    check_set(variant("alg", json_string("PS256")), false);
    check_set(variant("alg", json_string("RS512")), false);
    check_set(variant("key_ops", json_pack("[s]", "verify")), true);
    check_set(variant("key_ops", json_pack("[s]", "sign")), false);
    check_set(variant("key_ops", json_string("verify")), false);
    check_set(variant("kty", json_string("EC")), false);
    check_set(variant("e", json_string("AQ")), false);
    check_set(variant("e", json_string("AAE")), false);
    check_set(variant("e", json_string("Ag")), false);
    check_set(variant("e", json_string("AQAAAAAB")), false);
    check_set(variant("n", json_string("AQAB")), false);
    check_set(variant("n", json_string("!")), false);
    check_set(variant("kid", json_integer(1)), false);
    check_set(json_string("RSA"), false);
}

static void test_sets(void **state)
{
    AUTO_JSON json_t *twice = json_pack("{s:[O,O]}", "keys", public, public);
    AUTO_JSON json_t *other = variant("kid", json_string("k2"));
    AUTO_JSON json_t *two = json_pack("{s:[O,O]}", "keys", public, other);
    AUTO_JSON json_t *none = json_pack("{s:{}}", "keys");
    AUTO_JWKS struct jwks *keys = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(jwks_read(twice, &keys, &fail), CPS_PROVIDER_ANSWER);
    assert_int_equal(jwks_read(none, &keys, &fail), CPS_PROVIDER_ANSWER);
    assert_int_equal(jwks_read(two, &keys, &fail), CPS_OK);
    assert_null(jwks_find(keys, NULL)); /* which of the two? */
    assert_non_null(jwks_find(keys, "k2"));
    assert_null(jwks_find(keys, "k3"));
    /* Nothing of the document but the numbers. */
    assert_true(EVP_PKEY_is_a(jwks_find(keys, "k2"), "RSA"));
}

/* A signed UserInfo. reason "": accepted. */
static void check_userinfo(long status, const char *header, const char *payload, const char *reason)
{
    AUTO_JSON json_t *set = json_pack("{s:[O]}", "keys", public);
    AUTO_JWKS struct jwks *keys = keys_of(set);
    AUTO_FREE char *token = sign(header, payload);
    struct profile profile = {.issuer = "https://idp.example.test/realm", .client_id = "client"};
    const struct provider provider = {.profile = &profile, .keys = keys};
    const struct http_answer answer = {
        .status = status, .type = "application/jwt", .body = token, .len = strlen(token)};
    AUTO_JSON json_t *raw = NULL;
    struct fail fail = FAIL_INIT;

    if (userinfo_claims(&answer, &provider, &raw, &fail) == CPS_OK)
        assert_string_equal(json_string_value(json_object_get(raw, "sub")), "s");
    if (strcmp(fail.reason, reason) != 0)
        fail_msg("%s: \"%s\" instead of \"%s\"", payload, fail.reason, reason);
    assert_int_equal(raw != NULL, reason[0] == '\0');
}

#define USERINFO_ISS "\"iss\":\"https://idp.example.test/realm\""

static void test_signed_userinfo(void **state)
{
    static const struct {
        const char *payload;
        const char *reason;
    } cases[] = {
        {"{\"sub\":\"s\"}", ""},
        {"{\"sub\":\"s\"," USERINFO_ISS ",\"aud\":\"client\"}", ""},
        {"{\"sub\":\"s\",\"aud\":[\"another\",\"client\"]}", ""},
        {"{\"sub\":\"s\",\"aud\":\"another\"}", "userinfo_jwt"},
        {"{\"sub\":\"s\",\"aud\":[\"another\"]}", "userinfo_jwt"},
        {"{\"sub\":\"s\",\"aud\":[]}", "userinfo_jwt"},
        {"{\"sub\":\"s\",\"aud\":null}", "userinfo_jwt"},
        {"{\"sub\":\"s\",\"iss\":\"https://evil.example.test/realm\"}", "userinfo_jwt"},
        {"{\"sub\":\"s\",\"iss\":7}", "userinfo_jwt"},
        {"{\"sub\":\"s\",\"sub\":\"t\"}", "userinfo_jwt"},
        {"[\"s\"]", "userinfo_jwt"},
    };
    static const char good[] = "{\"alg\":\"RS256\",\"kid\":\"k1\"}";

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_userinfo(200, good, cases[i].payload, cases[i].reason);
    check_userinfo(200, "{\"alg\":\"RS256\",\"kid\":\"k2\"}", cases[0].payload, "userinfo_jwt");
    check_userinfo(200, "{\"alg\":\"RS256\",\"typ\":\"at+jwt\"}", cases[0].payload, "userinfo_jwt");
    check_userinfo(401, good, cases[0].payload, "status");
    check_userinfo(201, good, cases[0].payload, "status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),        cmocka_unit_test(test_foreign_headers),
        cmocka_unit_test(test_shapes),         cmocka_unit_test(test_a_changed_payload_is_refused),
        cmocka_unit_test(test_keys),           cmocka_unit_test(test_sets),
        cmocka_unit_test(test_a_long_header),  cmocka_unit_test(test_sizes_of_keys),
        cmocka_unit_test(test_limits_of_sets), cmocka_unit_test(test_signed_userinfo),
    };

    return cmocka_run_group_tests(tests, make_key, drop_key);
}
