/* SPDX-License-Identifier: Apache-2.0 */
/* The cps3 driver: recognition, layouts, logins, on a card that can do wrong in every way. */
#include "tests/unit/cps3_bench.h"

static void a_login_on_the_usual_layout(void **state)
{
    AUTO_JSON json_t *info = NULL;

    (void)state;
    lay_out_usual(1);
    assert_int_equal(request("open", json_pack("{s:s}", "reader", "R"), -1, &info), CPS_OK);
    assert_string_equal(json_get_string(info, "serial"), "29900101");
    assert_string_equal(json_get_string(info, "issuer_number"), "8025000001");
    assert_string_equal(json_get_string(info, "label"), "CPS3 29900101");
    assert_int_equal(json_get_int(json_get_object(info, "pin"), "tries_left", -1), 3);
    assert_int_equal(certificate(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(bench->card.pins_sent, 1);
}

static void the_pin_reference_is_what_the_card_says(void **state)
{
    (void)state;
    lay_out_usual(7);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
}

static void pkcs15_is_walked(void **state)
{
    (void)state;
    fake_add(&bench->card, "\x3F\x00\x00\x01\xB0\x19", 6, bench->card.certificate);
    bench->card.pin_reference = 3;
    lay_out_pkcs15(0x84, SPAN("\xB0\x19"));
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
}

/* Where the usual layout has the authentication certificate is another one: it must not pass. */
static void a_certificate_of_the_wrong_usage_makes_it_walk(void **state)
{
    (void)state;
    fake_add(&bench->card, "\x3F\x00\x00\x01\xB0\x19", 6, bench->card.certificate);
    bench->card.certificate.len = 0; /* lay_out_usual writes an empty one */
    lay_out_usual(1);
    bench->card.files[bench->card.n_files - 1].content = bench->wrong_certificate;
    bench->card.certificate = bench->card.files[1].content;
    lay_out_pkcs15(0x84, SPAN("\xB0\x19"));
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
}

/* Right certificate, other key reference: the signature does not come, the walk finds the key. */
static void another_key_reference_makes_it_walk(void **state)
{
    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15(0x84, SPAN("\xA0\x02"));
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(bench->card.pins_sent, 1);
}

static void a_signature_of_another_key_never_comes_out(void **state)
{
    EVP_PKEY *other = EVP_RSA_gen(2048);

    (void)state;
    lay_out_usual(1);
    lay_out_pkcs15(0x82, SPAN("\xA0\x02"));
    bench->card.key = other;
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_SIGNATURE_INVALID);
    EVP_PKEY_free(other);
}

static void pins_that_cannot_be_burn_no_try(void **state)
{
    static const char *const pins[] = {"123", "12345", "12a4", "1234\n", "    "};

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++)
        assert_int_equal(verify(pins[i], false), CPS_PIN_INVALID);
    assert_int_equal(verify("", false), CPS_PROMPT_CANCELLED);
    assert_int_equal(bench->card.pins_sent, 0);
    assert_int_equal(simple("verify", json_object()), CPS_INVALID_PARAMS);
}

static void wrong_pins_and_the_last_try(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("0000", false), CPS_PIN_WRONG);
    assert_int_equal(verify("0000", false), CPS_PIN_WRONG);
    assert_int_equal(verify("0000", false), CPS_PIN_LAST_TRY);
    assert_int_equal(bench->card.pins_sent, 2);
    assert_int_equal(verify("0000", true), CPS_PIN_BLOCKED);
    assert_int_equal(bench->card.pins_sent, 3);
    assert_int_equal(verify("1234", true), CPS_PIN_BLOCKED);
    assert_int_equal(bench->card.pins_sent, 3);
}

static void a_reset_by_another_program_asks_for_the_pin_again(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    bench->card.reset_pending = true;
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(bench->card.pins_sent, 1);
    /* Even when that program has presented the PIN meanwhile. */
    bench->card.verified = true;
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
}

static void another_program_selects_elsewhere(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    bench->card.directory_len = 2; /* the root */
    assert_int_equal(sign(), CPS_OK);
    bench->card.directory_len = 0; /* another applet */
    assert_int_equal(sign(), CPS_OK);
    bench->card.directory_len = 0;
    assert_int_equal(verify("1234", false), CPS_OK);
    bench->card.directory_len = 0;
    assert_int_equal(simple("open", json_pack("{s:s}", "reader", "other")), CPS_OK);
}

/* The card forgets the PIN and nothing in PC/SC tells: a quick exchange that pcscd did not see. */
static void a_forgotten_pin_is_found_out(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    fake_reset(&bench->card);
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
    assert_int_equal(bench->card.pins_sent, 1);
}

static void logout_forgets(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(simple("logout", json_object()), CPS_OK);
    assert_false(bench->card.verified);
    assert_int_equal(sign(), CPS_PIN_REQUIRED);
}

static void status_words_that_make_no_sense(void **state)
{
    struct fake_card *card = &bench->card;

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    card->inject_ins = 0x20;
    card->inject_sw = 0x6F00;
    card->inject_times = 100;
    assert_int_equal(verify("1234", false), CPS_CARD_PROTOCOL);
    assert_int_equal(card->pins_sent, 0);
    card->inject_times = 0;
    assert_int_equal(verify("1234", false), CPS_OK);
    card->inject_ins = 0x88;
    card->inject_times = 100;
    assert_int_equal(sign(), CPS_CARD_PROTOCOL);
    card->inject_times = 1;
    assert_int_equal(sign(), CPS_OK);
}

/* What the reader says of the card is not believed: neither to take it nor to leave it. */
static void the_atr_decides_nothing(void **state)
{
    static const struct span atrs[] = {
        SPAN("\x3B\xDC\x18\xFF\x00\x00\x12\x25\x00\x64\x80\x00\x04\x01\x00\x90\x00"),
        SPAN("\x3B\x8F\x80\x01\x00\x31\xB8\x64\x04\xB0\xEC\xC1\x73\x94\x01\x80\x82\x90\x00\x0E"),
        SPAN("\x3B\xAC\x00\x40\x2A\x00\x12\x25\x00\x64\x80\x00\x03\x10\x00\x90\x00"),
        SPAN("\x3B"),
    };

    (void)state;
    lay_out_usual(1);
    for (size_t i = 0; i < sizeof atrs / sizeof atrs[0]; i++) {
        AUTO_JSON json_t *info = NULL;

        memcpy(bench->card.transport.atr, atrs[i].data, atrs[i].len);
        bench->card.transport.atr_len = atrs[i].len;
        bench->card.reset_pending = true;
        assert_int_equal(
            request("open", json_pack("{s:s}", "reader", i % 2 ? "R" : "S"), -1, &info), CPS_OK);
        assert_string_equal(json_get_string(info, "interface"), "contact");
        assert_int_equal(verify("1234", false), CPS_OK);
        assert_int_equal(sign(), CPS_OK);
    }
    bench->serial.data[3] = 0x26; /* another issuer */
    assert_int_equal(simple("open", json_pack("{s:s}", "reader", "T")), CPS_CARD_UNSUPPORTED);
    assert_int_equal(simple("pin_status", json_object()), CPS_INVALID_REQUEST);
}

static void a_card_without_contact(void **state)
{
    AUTO_JSON json_t *info = NULL;
    AUTO_JSON json_t *status = NULL;

    (void)state;
    lay_out_contactless();
    assert_int_equal(request("open", json_pack("{s:s}", "reader", "R"), -1, &info), CPS_OK);
    assert_string_equal(json_get_string(info, "interface"), "contactless");
    assert_true(json_is_null(json_object_get(info, "pin")));
    assert_int_equal(certificate_for("technical"), CPS_OK);
    assert_int_equal(certificate(), CPS_CARD_UNSUPPORTED);
    assert_int_equal(sign_by("technical"), CPS_OK);
    assert_int_equal(sign(), CPS_CARD_UNSUPPORTED);
    assert_int_equal(verify("1234", false), CPS_CARD_UNSUPPORTED);
    assert_int_equal(typed("unblock_pin", FAKE_PUK "\n1111", false), CPS_CARD_UNSUPPORTED);
    assert_int_equal(request("pin_status", json_object(), -1, &status), CPS_OK);
    assert_true(json_is_null(status));
    assert_int_equal(bench->card.pins_sent + bench->card.puks_sent, 0);
}

/* Whatever the ATR, what is at the place of the technical key proves itself or does not pass. */
static void a_contactless_card_that_is_none(void **state)
{
    (void)state;
    lay_out_contactless();
    bench->card.files[bench->card.n_files - 1].content = bench->wrong_certificate;
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate_for("technical"), CPS_CARD_PROTOCOL); /* nothing to walk to */
    bench->card.files[bench->card.n_files - 1].content = bench->card.certificate;
    bench->card.key = rsa_signature;
    assert_int_equal(simple("open", json_pack("{s:s}", "reader", "S")), CPS_OK);
    assert_int_equal(certificate_for("technical"), CPS_OK);
    assert_int_equal(sign_by("technical"), CPS_CARD_PROTOCOL);
    bench->card.key = rsa;
}

/* Both applications as the card's directories tell of them. */
static void lay_out_both_applications(void)
{
    struct fake_card *card = &bench->card;
    struct ber record = {.len = 0};

    /* Both records name the other application's directory; only the path counts. */
    for (int i = 1; i <= 2; i++) {
        const uint8_t path[] = {0x3F, 0x00, 0x00, (uint8_t)i};

        record.len = 0;
        BER_LITERAL(&record, 0x4F, "\xE8\x20");
        BER_LITERAL(&record, 0x50, "CPX IAS");
        ber_object(&record, 0x51, path, sizeof path);
        BER_LITERAL(&record, 0x73, "\x4F\x02\xE8\x10");
        ber_nest(&bench->dir, 0x61, &record);
    }
    BER_LITERAL(&bench->odf, 0xA4, "\x30\x04\x04\x02\x6F\x13");
    BER_LITERAL(&bench->odf, 0xA0, "\x30\x04\x04\x02\x6F\x44");
    ber_key(&bench->prkdf, 0x30, SPAN("\x05\x20"), 0, SPAN("\x00\x85"));
    ber_certificate(&bench->cdf, 0x30, "Technique", SPAN("\xA0\x03"));
    fake_add(card, "\x3F\x00\x2F\x00", 4, ber_span(&bench->dir));
    fake_add(card, "\x3F\x00\x00\x02\x50\x31", 6, ber_span(&bench->odf));
    fake_add(card, "\x3F\x00\x00\x02\x6F\x44", 6, ber_span(&bench->prkdf));
    fake_add(card, "\x3F\x00\x00\x02\x6F\x13", 6, ber_span(&bench->cdf));
}

/* The same with an ATR that does not announce it: the walk finds the other application. */
static void a_contactless_card_under_another_atr(void **state)
{
    struct fake_card *card = &bench->card;

    (void)state;
    lay_out_contactless();
    card->transport.atr_len = 2;
    card->key_reference = 0x85;
    lay_out_both_applications();
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(certificate_for("technical"), CPS_OK);
    assert_int_equal(sign_by("technical"), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_CARD_UNSUPPORTED);
}

/* A card may let the application made for contacts be selected without, all its files closed. */
static void an_application_that_is_there_and_closed(void **state)
{
    struct fake_card *card = &bench->card;
    AUTO_JSON json_t *info = NULL;

    (void)state;
    lay_out_contactless();
    card->shows_all = true;
    card->key_reference = 0x85;
    ber_pin(&bench->aodf, FLAGS_USER, 1, 4, 1);
    fake_add(card, "\x3F\x00\x00\x01\x70\x01", 6, ber_span(&bench->aodf));
    card->files[card->n_files - 1].pin = true;
    lay_out_both_applications();
    assert_int_equal(request("open", json_pack("{s:s}", "reader", "R"), -1, &info), CPS_OK);
    assert_string_equal(json_get_string(info, "interface"), "contactless");
    assert_int_equal(sign_by("technical"), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_CARD_UNSUPPORTED);
    assert_int_equal(card->pins_sent, 0);
}

/* Each command of a login in its turn is the one during which the card goes. */
static void torn_out_at_every_command(void **state)
{
    struct fake_card *card = &bench->card;
    unsigned whole;

    (void)state;
    lay_out_usual(1);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    whole = card->commands;
    for (unsigned at = 1; at <= whole; at++) {
        cps_error error;

        card->tear_at = 0;
        card->reset_pending = true;
        cardop_free(bench->cardop);
        bench->cardop = cardop_new(connect_fake);
        card->commands = 0;
        card->tear_at = at;
        error = open_card();
        if (error == CPS_OK)
            error = verify("1234", false);
        if (error == CPS_OK)
            error = sign();
        assert_int_equal(error, CPS_CARD_REMOVED);
    }
}

static void bad_requests(void **state)
{
    (void)state;
    lay_out_usual(1);
    assert_int_equal(simple("open", json_object()), CPS_INVALID_PARAMS);
    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(simple("burn", json_object()), CPS_METHOD_NOT_FOUND);
    assert_int_equal(simple("certificate", json_object()), CPS_INVALID_PARAMS);
    assert_int_equal(certificate_for("technical"), CPS_CARD_UNSUPPORTED);
    assert_int_equal(certificate_for("everything"), CPS_INVALID_PARAMS);
    assert_int_equal(simple("sign", json_pack("{s:s, s:s, s:s}", "usage", "authentication", "hash",
                                              "sha1", "digest", "AAAA")),
                     CPS_INVALID_PARAMS);
    assert_int_equal(simple("sign", json_pack("{s:s, s:s, s:s}", "usage", "authentication", "hash",
                                              "sha256", "digest", "AAAA")),
                     CPS_INVALID_PARAMS);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_login_on_the_usual_layout),
        TEST(the_pin_reference_is_what_the_card_says),
        TEST(pkcs15_is_walked),
        TEST(a_certificate_of_the_wrong_usage_makes_it_walk),
        TEST(another_key_reference_makes_it_walk),
        TEST(a_signature_of_another_key_never_comes_out),
        TEST(pins_that_cannot_be_burn_no_try),
        TEST(wrong_pins_and_the_last_try),
        TEST(a_reset_by_another_program_asks_for_the_pin_again),
        TEST(another_program_selects_elsewhere),
        TEST(a_forgotten_pin_is_found_out),
        TEST(logout_forgets),
        TEST(status_words_that_make_no_sense),
        TEST(the_atr_decides_nothing),
        TEST(a_card_without_contact),
        TEST(a_contactless_card_that_is_none),
        TEST(a_contactless_card_under_another_atr),
        TEST(an_application_that_is_there_and_closed),
        TEST(torn_out_at_every_command),
        TEST(bad_requests),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
