/* SPDX-License-Identifier: Apache-2.0 */
/* The last round done with what the card is given makes the hash of the whole message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <endian.h>

#include "pkcs11/provider/digest.h"

#define MESSAGE 300

/* As a card would: from the chaining value on. */
static void finish_sha256(const struct digest *digest, uint8_t ret_value[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx context;
    uint8_t state[DIGEST_STATE_MAX];
    size_t n = digest_state(digest, state);

    sha256_init(&context);
    assert_int_equal(n, digest->hashed > 0 ? SHA256_DIGEST_SIZE : 0);
    for (size_t i = 0; i < n / 4; i++) {
        memcpy(&context.state[i], state + 4 * i, 4);
        context.state[i] = be32toh(context.state[i]);
    }
    context.count = digest->hashed / DIGEST_BLOCK;
    sha256_update(&context, digest->last_len, digest->last);
    sha256_digest(&context, SHA256_DIGEST_SIZE, ret_value);
}

static void test_every_length_and_cut(void **state)
{
    uint8_t message[MESSAGE], wanted[SHA256_DIGEST_SIZE], value[SHA256_DIGEST_SIZE];
    struct sha256_ctx whole;
    struct digest digest;

    (void)state;
    for (size_t i = 0; i < MESSAGE; i++)
        message[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= MESSAGE; len++)
        for (size_t cut = 0; cut <= len; cut += 13) {
            sha256_init(&whole);
            sha256_update(&whole, len, message);
            sha256_digest(&whole, sizeof wanted, wanted);
            digest_init(&digest, true);
            digest_update(&digest, message, cut);
            digest_update(&digest, message + cut, len - cut);
            assert_true(digest.last_len <= DIGEST_BLOCK);
            assert_true(digest.last_len > 0 || len == 0);
            assert_int_equal(digest.hashed + digest.last_len, len);
            finish_sha256(&digest, value);
            assert_memory_equal(value, wanted, sizeof wanted);
        }
}

static void test_sha1_state(void **state)
{
    /* FIPS 180 examples: the chaining value after one block is the hash's own business; here it is
     * enough that it has SHA-1's size and differs from the initial one. */
    uint8_t block[DIGEST_BLOCK + 1] = {1}, chaining[DIGEST_STATE_MAX];
    struct digest digest;

    (void)state;
    digest_init(&digest, false);
    digest_update(&digest, block, DIGEST_BLOCK);
    assert_int_equal(digest_state(&digest, chaining), 0);
    digest_update(&digest, block, 1);
    assert_int_equal(digest_state(&digest, chaining), SHA1_DIGEST_SIZE);
    assert_int_equal(digest.hashed, DIGEST_BLOCK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length_and_cut),
        cmocka_unit_test(test_sha1_state),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
