/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JWS front against the Wycheproof vectors (C2SP/wycheproof, testvectors_v1), read from
 * $CPS_SHARED_DATA/wycheproof. RS256 alone is accepted: that leaves eight of their valid vectors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/jws.h"

#define SKIPPED 77

static char directory[512];

static json_t *load(const char *name)
{
    char path[600];
    json_t *json;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    json = json_load_file(path, 0, NULL);
    assert_non_null(json);
    return json;
}

/* Accepted when the key may be used for RS256 and the token verifies under it. */
static bool accepts(json_t *set, const json_t *jws)
{
    AUTO_JWKS struct jwks *keys = NULL;
    AUTO_WIPED char *payload = NULL;
    struct fail fail = FAIL_INIT;
    size_t len;

    if (!json_is_string(jws) || jwks_read(set, &keys, &fail) != CPS_OK)
        return false;
    return jws_verify(json_string_value(jws), keys, &payload, &len, &fail) == JWS_OK;
}

static const json_t *key_of(const json_t *group)
{
    const json_t *public = json_object_get(group, "public");

    return public != NULL ? public : json_object_get(group, "private");
}

static void test_signatures(void **state)
{
    static const json_int_t rs256[] = {33, 259, 260, 261, 262, 263, 345, 349};
    AUTO_JSON json_t *file = load("json_web_signature_test.json");
    unsigned accepted = 0, refused = 0, invalid = 0;
    size_t i, j;
    json_t *group, *test;

    (void)state;
    json_array_foreach (json_object_get(file, "testGroups"), i, group) {
        AUTO_JSON json_t *set = json_pack("{s:[O]}", "keys", key_of(group));

        json_array_foreach (json_object_get(group, "tests"), j, test) {
            json_int_t id = json_integer_value(json_object_get(test, "tcId"));
            const char *result = json_string_value(json_object_get(test, "result"));
            bool yes = accepts(set, json_object_get(test, "jws"));
            bool wanted = false;

            for (size_t k = 0; k < sizeof rs256 / sizeof *rs256; k++)
                wanted = wanted || rs256[k] == id;
            if (yes != wanted)
                fail_msg("vector %lld (%s) %s", (long long)id, result,
                         yes ? "accepted" : "refused");
            invalid += strcmp(result, "invalid") == 0;
            accepted += yes;
            refused += !yes;
        }
    }
    print_message("%u accepted, %u refused, of which %u are invalid\n", accepted, refused, invalid);
    assert_int_equal(accepted, 8);
    assert_int_equal(invalid, 355);
    assert_int_equal(accepted + refused, 401);
}

/*
 * Key sets. Vector 7 is a key with the ROCA weakness, which is not looked for: the keys of a
 * provider come over its own TLS.
 */
static void test_keys(void **state)
{
    AUTO_JSON json_t *file = load("json_web_key_test.json");
    size_t i, j, n = 0;
    json_t *group, *test;

    (void)state;
    json_array_foreach (json_object_get(file, "testGroups"), i, group) {
        json_array_foreach (json_object_get(group, "tests"), j, test) {
            json_int_t id = json_integer_value(json_object_get(test, "tcId"));
            json_t *set = json_object_get(group, "public");
            bool yes;

            if (set == NULL)
                set = json_object_get(group, "private");
            yes = accepts(set, json_object_get(test, "jws"));
            n++;
            if (id != 7 && yes != (id == 5))
                fail_msg("vector %lld %s", (long long)id, yes ? "accepted" : "refused");
        }
    }
    assert_int_equal(n, 26);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_keys),
    };
    const char *given = getenv("CPS_SHARED_DATA");
    char probe[600];

    snprintf(directory, sizeof directory, "%s/wycheproof",
             given != NULL && given[0] != '\0' ? given : DEFAULT_SHARED_DATA);
    snprintf(probe, sizeof probe, "%s/json_web_signature_test.json", directory);
    if (access(probe, R_OK) != 0) {
        fprintf(stderr, "skipped: no %s; set CPS_SHARED_DATA to where wycheproof/ is\n", probe);
        return SKIPPED;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
