/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every dialogue of the cps3 driver, with the card torn out at each of its commands, before it or
 * inside its answer, or with a status word out of place at each of them.
 */
#include "tests/unit/cps3_bench.h"

/* A right message and its cryptogram are made once: RSA is what takes the time here. */
static char *cryptogram;

struct dialogue {
    const char *name;
    bool pin; /* presented before it */
    cps_error (*run)(void);
};

static cps_error open_and_certificates(void)
{
    cps_error error = open_card();

    if (error == CPS_OK)
        error = certificate();
    return error == CPS_OK ? certificate_for("signature") : error;
}

static cps_error verify_right(void)
{
    return verify("1234", false);
}

static cps_error sign_authentication(void)
{
    return sign_by("authentication");
}

static cps_error sign_signature(void)
{
    return sign_by("signature");
}

static cps_error sign_last_round(void)
{
    return simple("sign", json_pack("{s:s, s:s, s:s, s:i, s:s}", "usage", "signature", "mechanism",
                                    "SHA256_RSA_PKCS", "state", "", "hashed", 0, "data", "AAAA"));
}

static cps_error decrypt(void)
{
    json_t *result = NULL;
    cps_error error = request("decrypt",
                              json_pack("{s:s, s:s, s:s}", "usage", "authentication", "mechanism",
                                        "RSA_PKCS", "data", cryptogram),
                              -1, &result);

    if (error == CPS_OK)
        assert_string_equal(json_get_string(result, "data"), "c2VjcmV0");
    json_decref(result);
    return error;
}

static cps_error change(void)
{
    return typed("change_pin", "1234\n1234", false);
}

static cps_error unblock(void)
{
    return typed("unblock_pin", FAKE_PUK "\n1234", false);
}

static cps_error read_objects(void)
{
    cps_error error = simple("objects", json_object());

    if (error == CPS_OK)
        error = simple("object", json_pack("{s:s}", "label", "CPS_INFO_PS"));
    if (error == CPS_OK)
        error = simple("object", json_pack("{s:s}", "label", "CPS_ACTIVITY_02_PS"));
    return error;
}

static const struct dialogue dialogues[] = {
    {"open, certificates", false, open_and_certificates},
    {"verify", false, verify_right},
    {"sign, authentication", true, sign_authentication},
    {"sign, signature", true, sign_signature},
    {"sign, last round", true, sign_last_round},
    {"decrypt", true, decrypt},
    {"change", false, change},
    {"unblock", false, unblock},
    {"objects", true, read_objects},
};

#define DIALOGUES (sizeof dialogues / sizeof dialogues[0])

static int setup_all(void **state)
{
    (void)setup(state);
    lay_out_usual(1);
    lay_out_signature();
    lay_out_objects();
    return 0;
}

/* A new insertion, up to the point where the dialogue begins. */
static void begin_dialogue(const struct dialogue *dialogue)
{
    struct fake_card *card = &bench->card;

    card->tear_at = 0;
    card->inject_at = 0;
    card->reset_pending = true;
    card->tries = 3;
    card->puk_tries = FAKE_PUK_TRIES;
    memcpy(card->pin, "1234", 5);
    cardop_free(bench->cardop);
    bench->cardop = cardop_new(connect_fake);
    if (dialogue->run != open_and_certificates)
        assert_int_equal(open_and_certificates(), CPS_OK);
    if (dialogue->pin) {
        assert_int_equal(verify_right(), CPS_OK);
        assert_int_equal(sign(), CPS_OK);
    }
    card->commands = 0;
    card->pins_sent = 0;
    card->puks_sent = 0;
}

/* How many commands a dialogue takes when nothing goes wrong. */
static unsigned measure(const struct dialogue *dialogue)
{
    begin_dialogue(dialogue);
    assert_int_equal(dialogue->run(), CPS_OK);
    return bench->card.commands;
}

static void no_code_was_wasted(void)
{
    assert_true(bench->card.pins_sent <= 1 && bench->card.puks_sent <= 1);
    assert_int_equal(bench->card.tries, 3);
    assert_int_equal(bench->card.puk_tries, FAKE_PUK_TRIES);
}

static void torn_out_at_every_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        unsigned whole = measure(&dialogues[i]);

        assert_true(whole > 0);
        for (unsigned at = 1; at <= 2 * whole; at++) {
            begin_dialogue(&dialogues[i]);
            bench->card.tear_at = (at + 1) / 2;
            bench->card.tear_inside = at % 2 == 0;
            assert_int_equal(dialogues[i].run(), CPS_CARD_REMOVED);
            no_code_was_wasted();
            /* It stays out; what was not even open yet is not open. */
            assert_true(sign() == (dialogues[i].run == open_and_certificates && at <= 8
                                       ? CPS_INVALID_REQUEST
                                       : CPS_CARD_REMOVED));
        }
    }
    print_message("%zu dialogues\n", DIALOGUES);
}

/* What the card said is the error, or a remedy was found, and the next time is a good one. */
static void a_status_word_out_of_place(void **state)
{
    static const uint16_t words[] = {0x6F00, 0x6982, 0x6A82, 0x6100, 0x6C10, 0x9000};

    (void)state;
    for (size_t i = 0; i < DIALOGUES; i++) {
        unsigned whole = measure(&dialogues[i]);

        for (unsigned at = 1; at <= whole; at++)
            for (size_t w = 0; w < sizeof words / sizeof words[0]; w++) {
                cps_error error;

                begin_dialogue(&dialogues[i]);
                bench->card.inject_at = at;
                bench->card.inject_sw = words[w];
                error = dialogues[i].run();
                if (error != CPS_OK && error != CPS_CARD_PROTOCOL &&
                    error != CPS_CARD_UNSUPPORTED && error != CPS_DECRYPT_FAILED &&
                    error != CPS_CERTIFICATE_INVALID && error != CPS_SIGNATURE_INVALID &&
                    error != CPS_PIN_REQUIRED)
                    fail_msg("%s, command %u, status %04X: error %d", dialogues[i].name, at,
                             words[w], error);
                no_code_was_wasted();
                assert_true(bench->card.commands < 80);
                bench->card.inject_at = 0;
                if (dialogues[i].pin)
                    (void)verify_right();
                error = dialogues[i].run();
                if (error != CPS_OK)
                    fail_msg("%s, after command %u had status %04X: error %d", dialogues[i].name,
                             at, words[w], error);
            }
    }
}

static int torn_group_setup(void **state)
{
    uint8_t bytes[256];
    size_t len = sizeof bytes;
    EVP_PKEY_CTX *context;

    if (group_setup(state) < 0)
        return -1;
    context = EVP_PKEY_CTX_new(rsa, NULL);
    ber_need(EVP_PKEY_encrypt_init(context) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
             EVP_PKEY_encrypt(context, bytes, &len, (const uint8_t *)"secret", 6) == 1);
    EVP_PKEY_CTX_free(context);
    cryptogram = b64_encode(bytes, len);
    return 0;
}

static int torn_group_teardown(void **state)
{
    free(cryptogram);
    return group_teardown(state);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup_all, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(torn_out_at_every_command),
        TEST(a_status_word_out_of_place),
    };

    return cmocka_run_group_tests(tests, torn_group_setup, torn_group_teardown);
}
