/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jose/jose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/keys.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "tests/unit/fake_state_store.h"

static char dir[] = "/tmp/cps-test-keys-XXXXXX";
static struct state_store store = {.directory = dir};

static int set_up(void **state)
{
    (void)state;
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    char path[128];

    (void)state;
    clock_fake(-1, -1);
    for (const char *const *name =
             (const char *const[]){KEYS_STATEMENT_FILE, KEYS_PSEUDONYM_FILE, NULL};
         *name != NULL; name++) {
        snprintf(path, sizeof path, "%s/%s", dir, *name);
        unlink(path);
    }
    return rmdir(dir);
}

static struct keys *open_keys(void)
{
    struct fail fail;
    struct keys *keys = keys_new(dir, &fail);

    assert_non_null(keys);
    return keys;
}

/* True when libjose accepts the compact JWS with one of these keys. */
static bool accepted(const char *compact, const json_t *jwks)
{
    AUTO_JSON json_t *jws = NULL;
    AUTO_FREE char *copy = strdup(compact);
    char *payload = strchr(copy, '.') + 1;
    char *signature = strchr(payload, '.') + 1;
    json_t *key;
    size_t i;

    payload[-1] = signature[-1] = '\0';
    jws =
        json_pack("{s:s, s:s, s:s}", "protected", copy, "payload", payload, "signature", signature);
    json_array_foreach (json_get_array(jwks, "keys"), i, key)
        if (jose_jws_ver(NULL, jws, NULL, key, false))
            return true;
    return false;
}

static json_t *first_key(const json_t *jwks)
{
    return json_array_get(json_get_array(jwks, "keys"), 0);
}

static void another_library_accepts_the_signature(void **state)
{
    struct keys *keys = open_keys();
    AUTO_JSON json_t *payload = json_pack("{s:s}", "sub", "899700001011");
    AUTO_JSON json_t *jwks = keys_jwks(keys);
    AUTO_JSON json_t *thumbprint = jose_jwk_thp(NULL, first_key(jwks), "S256");

    (void)state;
    assert_string_equal(json_string_value(thumbprint), json_get_string(first_key(jwks), "kid"));
    assert_null(json_object_get(first_key(jwks), "d"));
    for (int i = 0; i < 200; i++) { /* one signature in 128 has a short r or s */
        AUTO_FREE char *jws = keys_sign(keys, "cps-login+jwt", payload);

        assert_true(accepted(jws, jwks));
        jws[strlen(jws) - 10] ^= 1;
        assert_false(accepted(jws, jwks));
    }
    keys_free(keys);
}

static void the_key_lasts(void **state)
{
    struct keys *keys = open_keys();
    AUTO_JSON json_t *before = keys_jwks(keys);
    AUTO_FREE char *pseudonym = keys_pseudonym(keys, "29900101");
    AUTO_JSON json_t *after = NULL;
    AUTO_FREE char *again = NULL;
    AUTO_FREE char *other = NULL;

    (void)state;
    keys_free(keys);
    keys = open_keys();
    after = keys_jwks(keys);
    again = keys_pseudonym(keys, "29900101");
    other = keys_pseudonym(keys, "29900102");
    assert_true(json_equal(before, after));
    assert_string_equal(pseudonym, again);
    assert_string_not_equal(pseudonym, other);
    assert_int_equal(strlen(pseudonym), 43);
    assert_null(strstr(pseudonym, "29900101"));
    keys_free(keys);
}

static unsigned told;
static cps_error told_error;

static void on_rotated(void *user, const struct fail *fail)
{
    assert_ptr_equal(user, &store);
    told++;
    told_error = fail != NULL ? fail->code : CPS_OK;
}

static void rotate(struct keys *keys)
{
    struct fail fail;

    told = 0;
    assert_int_equal(keys_rotate(keys, &store, 120, on_rotated, &store, &fail), CPS_OK);
    assert_int_equal(told, 0);
}

static char *kid_of(struct keys *keys)
{
    AUTO_JSON json_t *jwks = keys_jwks(keys);

    return strdup(json_get_string(first_key(jwks), "kid"));
}

/* The key that the next start finds. */
static char *kid_on_disk(void)
{
    struct keys *keys = open_keys();
    char *kid = kid_of(keys);

    keys_free(keys);
    return kid;
}

static void the_old_key_stays_as_long_as_asked(void **state)
{
    struct keys *keys = open_keys();
    AUTO_JSON json_t *payload = json_pack("{s:s}", "sub", "x");
    AUTO_FREE char *old = keys_sign(keys, "t", payload);

    (void)state;
    clock_fake(-1, 1000000);
    rotate(keys);
    fake_store_answers(NULL);
    assert_int_equal(told, 1);
    assert_int_equal(told_error, CPS_OK);
    for (int i = 0; i <= 120; i += 40) {
        AUTO_JSON json_t *jwks = NULL;
        AUTO_FREE char *new = keys_sign(keys, "t", payload);

        clock_fake(-1, 1000000 + i);
        jwks = keys_jwks(keys);
        assert_true(accepted(new, jwks));
        assert_true(accepted(old, jwks) == (i < 120));
    }
    keys_free(keys);
}

/* Until the new one is on disk, and for good when it cannot be: the disk may hold it all the same.
 */
static void a_key_that_is_not_on_disk_is_not_used(void **state)
{
    struct keys *keys = open_keys();
    AUTO_FREE char *before = kid_of(keys);
    struct fail full;

    (void)state;
    for (int i = 0; i < 3; i++) {
        AUTO_FREE char *during = NULL;
        AUTO_FREE char *after = NULL;
        AUTO_FREE char *stored = NULL;
        struct fail fail;

        rotate(keys);
        during = kid_of(keys);
        stored = kid_on_disk();
        assert_string_equal(during, before);
        assert_string_not_equal(stored, before);
        assert_int_equal(keys_rotate(keys, &store, 120, on_rotated, NULL, &fail),
                         CPS_TOO_MANY_REQUESTS);
        fail_set(&full, CPS_STORAGE, "full");
        if (i == 0)
            fake_store_answers(&full);
        else
            keys_rotate_cancel(keys);
        assert_int_equal(told, i == 0);
        assert_true(i > 0 || told_error == CPS_STORAGE);
        after = kid_of(keys);
        assert_string_equal(after, before);
        free(stored);
        stored = kid_on_disk();
        assert_string_equal(stored, before);
    }
    rotate(keys);
    keys_free(keys); /* with one under way */
    assert_null(fake_waiting);
}

static void two_stations_have_nothing_in_common(void **state)
{
    struct keys *keys = open_keys();
    AUTO_FREE char *here = keys_pseudonym(keys, "29900101");
    AUTO_FREE char *there = NULL;

    (void)state;
    keys_free(keys);
    assert_int_equal(tear_down(NULL), 0);
    assert_int_equal(set_up(NULL), 0);
    keys = open_keys();
    there = keys_pseudonym(keys, "29900101");
    assert_string_not_equal(here, there);
    keys_free(keys);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(another_library_accepts_the_signature),
        WITH_DIR(the_key_lasts),
        WITH_DIR(the_old_key_stays_as_long_as_asked),
        WITH_DIR(a_key_that_is_not_on_disk_is_not_used),
        WITH_DIR(two_stations_have_nothing_in_common),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
