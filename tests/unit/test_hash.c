/* SPDX-License-Identifier: Apache-2.0 */
/* Inner states of a hash, to resume from, are to be had from the low-level contexts only. */
#define OPENSSL_API_COMPAT 10100
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include "pkcs11/hash.h"

#define MESSAGE_LEN 300

static uint8_t message[MESSAGE_LEN];

static void put_word(uint8_t *out, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(word >> (24 - 8 * i));
}

static size_t state_after(enum hash hash, size_t hashed, uint8_t *out)
{
    if (hash == HASH_SHA256) {
        SHA256_CTX context;

        SHA256_Init(&context);
        SHA256_Update(&context, message, hashed);
        for (size_t i = 0; i < 8; i++)
            put_word(out + 4 * i, context.h[i]);
    } else {
        SHA_CTX context;

        SHA1_Init(&context);
        SHA1_Update(&context, message, hashed);
        put_word(out, context.h0);
        put_word(out + 4, context.h1);
        put_word(out + 8, context.h2);
        put_word(out + 12, context.h3);
        put_word(out + 16, context.h4);
    }
    return hash_len(hash);
}

static void check(enum hash hash, size_t len)
{
    size_t hashed = len == 0 ? 0 : (len - 1) / HASH_BLOCK_LEN * HASH_BLOCK_LEN;
    uint8_t bytes[HASH_LEN_MAX];
    struct span state = {bytes, hashed == 0 ? 0 : state_after(hash, hashed, bytes)};
    uint8_t got[HASH_LEN_MAX];
    uint8_t wanted[HASH_LEN_MAX];

    assert_true(
        hash_finish(hash, state, hashed, (struct span){message + hashed, len - hashed}, got));
    assert_int_equal(
        EVP_Q_digest(NULL, hash == HASH_SHA1 ? "SHA1" : "SHA256", NULL, message, len, wanted, NULL),
        1);
    assert_memory_equal(got, wanted, hash_len(hash));
}

static void the_last_round_of_every_length(void **state)
{
    (void)state;
    for (size_t i = 0; i < MESSAGE_LEN; i++)
        message[i] = (uint8_t)(i * 7);
    for (size_t len = 0; len <= MESSAGE_LEN; len++) {
        check(HASH_SHA1, len);
        check(HASH_SHA256, len);
    }
}

static void what_does_not_fit_together(void **state)
{
    static const uint8_t bytes[HASH_BLOCK_LEN + 1];
    static const struct {
        enum hash hash;
        size_t state;
        uint64_t hashed;
        size_t last;
    } bad[] = {
        {HASH_SHA256, 32, 63, 1},  {HASH_SHA256, 0, 64, 1}, {HASH_SHA256, 32, 0, 1},
        {HASH_SHA256, 20, 64, 1},  {HASH_SHA1, 32, 64, 1},  {HASH_SHA256, 32, 64, 0},
        {HASH_SHA256, 32, 64, 65}, {HASH_SHA384, 0, 0, 1},  {HASH_SHA256, 32, UINT64_C(1) << 61, 1},
    };
    uint8_t out[HASH_LEN_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(hash_finish(bad[i].hash, (struct span){bytes, bad[i].state}, bad[i].hashed,
                                 (struct span){bytes, bad[i].last}, out));
}

static void digest_infos_come_apart(void **state)
{
    static const enum hash hashes[] = {HASH_SHA1, HASH_SHA256, HASH_SHA384, HASH_SHA512};

    (void)state;
    for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
        uint8_t digest[HASH_LEN_MAX] = {1, 2, 3};
        uint8_t info[DIGEST_INFO_MAX + 1];
        size_t len = hash_len(hashes[i]);
        enum hash found;
        struct span value;

        len = hash_digest_info(hashes[i], (struct span){digest, len}, info);
        assert_true(hash_from_digest_info((struct span){info, len}, &found, &value));
        assert_int_equal(found, hashes[i]);
        assert_int_equal(value.len, hash_len(hashes[i]));
        assert_memory_equal(value.data, digest, value.len);
        assert_false(hash_from_digest_info((struct span){info, len - 1}, &found, &value));
        info[len] = 0;
        assert_false(hash_from_digest_info((struct span){info, len + 1}, &found, &value));
        info[3] ^= 1;
        assert_false(hash_from_digest_info((struct span){info, len}, &found, &value));
    }
}

static void names(void **state)
{
    enum hash hash;

    (void)state;
    assert_true(hash_from_name("sha384", &hash));
    assert_int_equal(hash, HASH_SHA384);
    assert_false(hash_from_name("sha1", &hash));
    assert_false(hash_from_name("", &hash));
    assert_false(hash_from_name(NULL, &hash));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_round_of_every_length),
        cmocka_unit_test(what_does_not_fit_together),
        cmocka_unit_test(digest_infos_come_apart),
        cmocka_unit_test(names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
