/* SPDX-License-Identifier: Apache-2.0 */
/* What the cps3 driver does beyond a login: keys, signatures, decryption, codes, objects. */
#define OPENSSL_API_COMPAT 10100 /* inner states of a hash */
#include <openssl/sha.h>

#include "tests/unit/cps3_bench.h"

#define MESSAGE_LEN 200

static uint8_t message[MESSAGE_LEN];

static int setup_all(void **state)
{
    (void)setup(state);
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)(i * 11);
    lay_out_usual(1);
    lay_out_signature();
    lay_out_objects();
    assert_int_equal(open_card(), CPS_OK);
    return 0;
}

static char *text_of(const void *data, size_t len)
{
    char *text = b64_encode(data, len);

    assert_non_null(text);
    return text;
}

/* The bytes of a member of a result. */
static size_t bytes_of(const json_t *result, const char *key, uint8_t *out, size_t size)
{
    const char *text = json_get_string(result, key);
    ptrdiff_t len;

    assert_non_null(text);
    len = b64_decode(text, strlen(text), out, size);
    assert_true(len >= 0);
    return (size_t)len;
}

/* Whether a result holds the signature of the first bytes of the message, made by that key. */
static bool is_signature(const json_t *result, EVP_PKEY *key, const EVP_MD *md, size_t len)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t signature[SIGNATURE_MAX];
    size_t signature_len = bytes_of(result, "signature", signature, sizeof signature);
    bool good = EVP_DigestVerifyInit(context, NULL, md, NULL, key) == 1 &&
                EVP_DigestVerify(context, signature, signature_len, message, len) == 1;

    EVP_MD_CTX_free(context);
    return good;
}

static size_t state_after(bool sha1, size_t hashed, uint8_t *out)
{
    uint32_t words[8];
    size_t n = sha1 ? 5 : 8;

    if (sha1) {
        SHA_CTX context;

        SHA1_Init(&context);
        SHA1_Update(&context, message, hashed);
        words[0] = context.h0, words[1] = context.h1, words[2] = context.h2;
        words[3] = context.h3, words[4] = context.h4;
    } else {
        SHA256_CTX context;

        SHA256_Init(&context);
        SHA256_Update(&context, message, hashed);
        memcpy(words, context.h, sizeof words);
    }
    for (size_t i = 0; i < 4 * n; i++)
        out[i] = (uint8_t)(words[i / 4] >> (24 - 8 * (i % 4)));
    return 4 * n;
}

static cps_error sign_last_round(const char *usage, bool sha1, size_t len, json_t **ret_result)
{
    size_t hashed = len == 0 ? 0 : (len - 1) / HASH_BLOCK_LEN * HASH_BLOCK_LEN;
    uint8_t state[32];
    size_t state_len = hashed > 0 ? state_after(sha1, hashed, state) : 0;
    AUTO_FREE char *state_text = text_of(state, state_len);
    AUTO_FREE char *data = text_of(message + hashed, len - hashed);

    return request("sign",
                   json_pack("{s:s, s:s, s:s, s:I, s:s}", "usage", usage, "mechanism",
                             sha1 ? "SHA1_RSA_PKCS" : "SHA256_RSA_PKCS", "state", state_text,
                             "hashed", (json_int_t)hashed, "data", data),
                   -1, ret_result);
}

static cps_error sign_info(const char *usage, struct span info, json_t **ret_result)
{
    AUTO_FREE char *data = text_of(info.data, info.len);

    return request(
        "sign", json_pack("{s:s, s:s, s:s}", "usage", usage, "mechanism", "RSA_PKCS", "data", data),
        -1, ret_result);
}

static void keys_as_usual(void **state)
{
    AUTO_JSON json_t *result = NULL;
    json_t *keys;

    (void)state;
    assert_int_equal(request("keys", json_object(), -1, &result), CPS_OK);
    keys = json_get_array(result, "keys");
    assert_int_equal(json_array_size(keys), 2);
    assert_string_equal(json_get_string(json_array_get(keys, 0), "usage"), "authentication");
    assert_string_equal(json_get_string(json_array_get(keys, 0), "label"), "CPS_PRIV_AUT");
    assert_string_equal(json_get_string(json_array_get(keys, 0), "id"),
                        "E828BD080F8025000001FF001002");
    assert_int_equal(json_get_int(json_array_get(keys, 0), "input_max", 0), 102);
    assert_int_equal(json_array_size(json_get_array(json_array_get(keys, 0), "mechanisms")), 2);
    assert_string_equal(json_get_string(json_array_get(keys, 1), "certificate_label"),
                        "Certificat de Signature CPS");
    assert_int_equal(json_array_size(json_get_array(json_array_get(keys, 1), "mechanisms")), 3);
}

static void the_card_does_the_last_round(void **state)
{
    static const size_t lengths[] = {0, 1, 63, 64, 65, 128, 129, MESSAGE_LEN};

    (void)state;
    assert_int_equal(verify("1234", false), CPS_OK);
    for (size_t i = 0; i < 2 * sizeof lengths / sizeof lengths[0]; i++) {
        AUTO_JSON json_t *result = NULL;
        size_t len = lengths[i / 2];

        assert_int_equal(sign_last_round("signature", i % 2, len, &result), CPS_OK);
        assert_true(is_signature(result, rsa_signature, i % 2 ? EVP_sha1() : EVP_sha256(), len));
    }
}

static void hashes_made_elsewhere(void **state)
{
    uint8_t digest[HASH_LEN_MAX];
    uint8_t info[DIGEST_INFO_MAX];
    struct span whole = {.data = info};
    AUTO_JSON json_t *sha1 = NULL;
    AUTO_JSON json_t *sha256 = NULL;
    AUTO_JSON json_t *refused = NULL;
    AUTO_JSON json_t *authentication = NULL;

    (void)state;
    assert_int_equal(verify("1234", false), CPS_OK);
    SHA1(message, MESSAGE_LEN, digest);
    whole.len = hash_digest_info(HASH_SHA1, (struct span){digest, 20}, info);
    assert_int_equal(sign_info("signature", whole, &sha1), CPS_OK);
    assert_true(is_signature(sha1, rsa_signature, EVP_sha1(), MESSAGE_LEN));
    SHA256(message, MESSAGE_LEN, digest);
    whole.len = hash_digest_info(HASH_SHA256, (struct span){digest, 32}, info);
    assert_int_equal(sign_info("signature", whole, &sha256), CPS_OK);
    assert_true(is_signature(sha256, rsa_signature, EVP_sha256(), MESSAGE_LEN));
    assert_int_equal(sign_info("authentication", whole, &authentication), CPS_OK);
    assert_true(is_signature(authentication, rsa, EVP_sha256(), MESSAGE_LEN));
    SHA512(message, MESSAGE_LEN, digest);
    whole.len = hash_digest_info(HASH_SHA512, (struct span){digest, 64}, info);
    assert_int_equal(sign_info("signature", whole, &refused), CPS_CARD_UNSUPPORTED);
}

static void what_keys_do_not_do(void **state)
{
    static const uint8_t bytes[103];
    struct fake_card *card = &bench->card;
    AUTO_JSON json_t *result = NULL;
    unsigned before;

    (void)state;
    assert_int_equal(verify("1234", false), CPS_OK);
    before = card->commands;
    assert_int_equal(sign_info("authentication", (struct span){bytes, 103}, &result),
                     CPS_INVALID_PARAMS);
    assert_int_equal(sign_info("signature", (struct span){bytes, 32}, &result),
                     CPS_CARD_UNSUPPORTED);
    assert_int_equal(sign_last_round("authentication", false, 10, &result), CPS_CARD_UNSUPPORTED);
    assert_int_equal(
        simple("sign", json_pack("{s:s, s:s, s:s, s:s}", "usage", "authentication", "mechanism",
                                 "RSA_PKCS_PSS", "hash", "sha256", "digest",
                                 "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg")),
        CPS_CARD_UNSUPPORTED);
    assert_int_equal(sign_by("technical"), CPS_CARD_UNSUPPORTED);
    assert_int_equal(simple("decrypt", json_pack("{s:s, s:s, s:s}", "usage", "signature",
                                                 "mechanism", "RSA_PKCS", "data", "AAAA")),
                     CPS_CARD_UNSUPPORTED);
    assert_int_equal(card->commands, before);
    assert_int_equal(sign_info("authentication", (struct span){bytes, 102}, &result), CPS_OK);
}

static void bad_shapes(void **state)
{
    static const char *const params[] = {
        "{}",
        "{\"usage\": \"signature\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"RSA_PKCS\", \"data\": \"\"}",
        "{\"usage\": \"signature\", \"mechanism\": 7, \"data\": \"AAAA\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"DECRYPT_RSA_PKCS\", \"data\": \"AAAA\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"RSA_PKCS\", \"data\": \"A+==\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"RSA_PKCS\", \"data\": \"AAAA\", \"hash\": "
        "\"sha256\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"SHA256_RSA_PKCS\", \"state\": \"\", "
        "\"data\": \"AAAA\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"SHA256_RSA_PKCS\", \"state\": \"\", "
        "\"hashed\": -64, \"data\": \"AAAA\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"SHA256_RSA_PKCS\", \"state\": \"AAAA\", "
        "\"hashed\": 64, \"data\": \"AAAA\"}",
        "{\"usage\": \"signature\", \"mechanism\": \"SHA256_RSA_PKCS\", \"state\": \"\", "
        "\"hashed\": 0}",
    };

    (void)state;
    assert_int_equal(verify("1234", false), CPS_OK);
    for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
        json_t *json = json_parse_strict(params[i], strlen(params[i]));

        assert_non_null(json);
        assert_int_equal(simple("sign", json), CPS_INVALID_PARAMS);
    }
    assert_int_equal(
        simple("decrypt", json_pack("{s:s, s:s}", "usage", "authentication", "data", "AAAA")),
        CPS_INVALID_PARAMS);
    assert_int_equal(simple("object", json_object()), CPS_INVALID_PARAMS);
}

static void a_signature_of_another_key_never_comes_out(void **state)
{
    AUTO_JSON json_t *result = NULL;

    (void)state;
    assert_int_equal(verify("1234", false), CPS_OK);
    bench->card.signature_key = rsa;
    assert_int_equal(sign_last_round("signature", false, 10, &result), CPS_CARD_PROTOCOL);
    lay_out_pkcs15(0x82, SPAN("\xA0\x02"));
    assert_int_equal(sign_by("signature"), CPS_CARD_PROTOCOL); /* PKCS#15 knows no better */
    assert_int_equal(sign(), CPS_OK);
}

static void every_key_needs_the_pin(void **state)
{
    (void)state;
    assert_int_equal(sign_by("signature"), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign_by("signature"), CPS_OK);
    fake_reset(&bench->card); /* in a way that PC/SC does not tell */
    assert_int_equal(sign_by("signature"), CPS_PIN_REQUIRED);
    assert_int_equal(bench->card.pins_sent, 1);
}

static cps_error decrypt(const uint8_t *cryptogram, size_t len, json_t **ret_result)
{
    AUTO_FREE char *data = text_of(cryptogram, len);

    return request("decrypt",
                   json_pack("{s:s, s:s, s:s}", "usage", "authentication", "mechanism", "RSA_PKCS",
                             "data", data),
                   -1, ret_result);
}

static void encrypt(const char *text, uint8_t *out, size_t *ret_len)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(rsa, NULL);

    *ret_len = 256;
    assert_int_equal(EVP_PKEY_encrypt_init(context), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(context, out, ret_len, (const uint8_t *)text, strlen(text)),
                     1);
    EVP_PKEY_CTX_free(context);
}

static void decryption(void **state)
{
    uint8_t cryptogram[256];
    uint8_t plain[256];
    size_t len;
    AUTO_JSON json_t *result = NULL;
    AUTO_JSON json_t *none = NULL;
    AUTO_JSON json_t *raw = NULL;

    (void)state;
    encrypt("secret", cryptogram, &len);
    assert_int_equal(decrypt(cryptogram, len, &none), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK); /* which proves the reference of the key */
    assert_int_equal(decrypt(cryptogram, len, &result), CPS_OK);
    assert_int_equal(bytes_of(result, "data", plain, sizeof plain), 6);
    assert_memory_equal(plain, "secret", 6);
    bench->card.raw_decipher = true; /* a card that leaves the padding to the host */
    assert_int_equal(decrypt(cryptogram, len, &raw), CPS_OK);
    assert_string_equal(json_get_string(raw, "data"), json_get_string(result, "data"));
    assert_int_equal(decrypt(cryptogram, len - 1, &none), CPS_DECRYPT_FAILED);
    cryptogram[100] ^= 1;
    assert_int_equal(decrypt(cryptogram, len, &none), CPS_DECRYPT_FAILED);
    bench->card.raw_decipher = false;
    assert_int_equal(decrypt(cryptogram, len, &none), CPS_DECRYPT_FAILED);
    fake_reset(&bench->card);
    assert_int_equal(decrypt(cryptogram, len, &none), CPS_PIN_REQUIRED);
    assert_int_equal(bench->card.pins_sent, 1);
}

/* A key that has signed nothing yet is looked up, not guessed. */
static void decryption_by_the_key_that_the_card_tells(void **state)
{
    uint8_t cryptogram[256];
    size_t len;
    AUTO_JSON json_t *none = NULL;
    AUTO_JSON json_t *result = NULL;

    (void)state;
    encrypt("secret", cryptogram, &len);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(decrypt(cryptogram, len, &none), CPS_CARD_PROTOCOL); /* no PKCS#15 */
    bench->odf.len = 0;
    lay_out_pkcs15(0x84, SPAN("\xA0\x02"));
    assert_int_equal(decrypt(cryptogram, len, &result), CPS_OK);
}

static void change_of_the_pin(void **state)
{
    (void)state;
    assert_int_equal(typed("change_pin", "1234\n5678", false), CPS_OK);
    assert_string_equal(bench->card.pin, "5678");
    assert_int_equal(verify("1234", false), CPS_PIN_WRONG);
    assert_int_equal(verify("5678", false), CPS_OK);
    assert_int_equal(typed("change_pin", "5678\n1111", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK); /* a change forgets nothing */
    assert_int_equal(typed("change_pin", "5678\n2222", false), CPS_PIN_WRONG);
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(typed("change_pin", "5678\n2222", false), CPS_PIN_WRONG);
    assert_int_equal(typed("change_pin", "5678\n2222", false), CPS_PIN_LAST_TRY);
    assert_int_equal(bench->card.tries, 1);
    assert_int_equal(typed("change_pin", "5678\n2222", true), CPS_PIN_BLOCKED);
    assert_int_equal(typed("change_pin", "1111\n2222", true), CPS_PIN_BLOCKED);
    assert_string_equal(bench->card.pin, "1111");
}

static int64_t puk_tries(void)
{
    AUTO_JSON json_t *result = NULL;

    assert_int_equal(request("pin_status", json_pack("{s:s}", "code", "puk"), -1, &result), CPS_OK);
    return json_get_int(result, "tries_left", -1);
}

static void unblocking(void **state)
{
    struct fake_card *card = &bench->card;

    (void)state;
    assert_int_equal(puk_tries(), FAKE_PUK_TRIES);
    card->tries = 0;
    assert_int_equal(verify("1234", true), CPS_PIN_BLOCKED);
    assert_int_equal(typed("unblock_pin", "00000000\n5678", false), CPS_PUK_WRONG);
    assert_int_equal(puk_tries(), FAKE_PUK_TRIES - 1);
    assert_int_equal(typed("unblock_pin", FAKE_PUK "\n5678", false), CPS_OK);
    assert_string_equal(card->pin, "5678");
    assert_int_equal(card->tries, 3);
    assert_false(card->puk_verified); /* or anybody could set another PIN */
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(verify("5678", false), CPS_OK);
    card->puk_tries = 1;
    assert_int_equal(typed("unblock_pin", "00000000\n5678", false), CPS_PIN_LAST_TRY);
    assert_int_equal(card->puks_sent, 2);
    assert_int_equal(typed("unblock_pin", "00000000\n5678", true), CPS_PUK_BLOCKED);
    assert_int_equal(typed("unblock_pin", FAKE_PUK "\n5678", true), CPS_PUK_BLOCKED);
    assert_int_equal(card->puks_sent, 3);
    assert_int_equal(sign(), CPS_OK); /* which had nothing to do with it */
}

static void what_cannot_be_two_codes(void **state)
{
    static const struct {
        const char *op;
        const char *text;
        cps_error error;
    } bad[] = {
        {"change_pin", "", CPS_PROMPT_CANCELLED},
        {"change_pin", "1234", CPS_PIN_INVALID},
        {"change_pin", "1234\n", CPS_PIN_INVALID},
        {"change_pin", "\n5678", CPS_PIN_INVALID},
        {"change_pin", "1234\n567", CPS_PIN_INVALID},
        {"change_pin", "1234\n56789", CPS_PIN_INVALID},
        {"change_pin", "1234\n5678\n", CPS_PIN_INVALID},
        {"change_pin", "1234\n56a8", CPS_PIN_INVALID},
        {"change_pin", "123\n5678", CPS_PIN_INVALID},
        {"unblock_pin", "", CPS_PROMPT_CANCELLED},
        {"unblock_pin", "1234\n5678", CPS_PIN_INVALID},
        {"unblock_pin", FAKE_PUK, CPS_PIN_INVALID},
        {"unblock_pin", FAKE_PUK "\n", CPS_PIN_INVALID},
        {"unblock_pin", FAKE_PUK "\n12345678", CPS_PIN_INVALID},
        {"unblock_pin", "1234567a\n5678", CPS_PIN_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(typed(bad[i].op, bad[i].text, true), bad[i].error);
    assert_int_equal(simple("change_pin", json_object()), CPS_INVALID_PARAMS);
    assert_int_equal(simple("unblock_pin", json_object()), CPS_INVALID_PARAMS);
    assert_int_equal(bench->card.pins_sent + bench->card.puks_sent, 0);
    assert_string_equal(bench->card.pin, "1234");
}

static cps_error object(const char *label, const char *value)
{
    AUTO_JSON json_t *result = NULL;
    cps_error error = request("object", json_pack("{s:s}", "label", label), -1, &result);
    uint8_t got[64];

    if (error == CPS_OK) {
        assert_int_equal(bytes_of(result, "value", got, sizeof got), strlen(value));
        assert_memory_equal(got, value, strlen(value));
    }
    return error;
}

static void objects(void **state)
{
    AUTO_JSON json_t *result = NULL;
    const json_t *second;
    struct fake_card *card = &bench->card;

    (void)state;
    assert_int_equal(request("objects", json_object(), -1, &result), CPS_OK);
    assert_int_equal(json_array_size(json_get_array(result, "objects")), 2);
    second = json_array_get(json_get_array(result, "objects"), 1);
    assert_string_equal(json_get_string(second, "label"), "CPS_ACTIVITY_02_PS");
    assert_string_equal(json_get_string(second, "application"), "CPS");
    assert_true(json_get_bool(second, "private", false));
    assert_int_equal(object("CPS_INFO_PS", "everybody"), CPS_OK);
    assert_int_equal(object("CPS_NOTHING", ""), CPS_CARD_UNSUPPORTED);
    assert_int_equal(object("CPS_ACTIVITY_02_PS", ""), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(object("CPS_ACTIVITY_02_PS", "holder"), CPS_OK);
    fake_reset(card);
    assert_int_equal(object("CPS_ACTIVITY_02_PS", ""), CPS_PIN_REQUIRED);
    assert_int_equal(object("CPS_INFO_PS", "everybody"), CPS_OK);
    /* What another program wrote meanwhile is what is read. */
    for (size_t i = 0; i < card->n_files; i++)
        if (card->files[i].content.len == 9)
            card->files[i].content = SPAN("changed");
    assert_int_equal(object("CPS_INFO_PS", "changed"), CPS_OK);
    assert_int_equal(card->pins_sent, 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup_all, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(keys_as_usual),
        TEST(the_card_does_the_last_round),
        TEST(hashes_made_elsewhere),
        TEST(what_keys_do_not_do),
        TEST(bad_shapes),
        TEST(a_signature_of_another_key_never_comes_out),
        TEST(every_key_needs_the_pin),
        TEST(decryption),
        TEST(decryption_by_the_key_that_the_card_tells),
        TEST(change_of_the_pin),
        TEST(unblocking),
        TEST(what_cannot_be_two_codes),
        TEST(objects),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
