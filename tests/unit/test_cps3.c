/* SPDX-License-Identifier: Apache-2.0 */
/* The cps3 driver and cardop's requests, on a card that can do wrong in every way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "pkcs11/cardop.h"
#include "tests/unit/fake_card.h"

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

#define FLAGS_USER "\x03\x88"
#define FLAGS_PUK  "\x00\x8B"

struct bench {
    struct fake_card card;
    struct cardop *cardop;
    struct ber serial;
    struct ber dir;
    struct ber odf;
    struct ber aodf;
    struct ber prkdf;
    struct ber cdf;
    struct span signature_certificate;
};

static struct bench *bench;
static EVP_PKEY *rsa;

static cps_error connect_fake(const char *reader, struct transport **ret_transport,
                              struct fail *fail)
{
    (void)reader;
    (void)fail;
    *ret_transport = &bench->card.transport;
    return CPS_OK;
}

/* One request; the caller frees the result. */
static cps_error request(const char *op, json_t *params, int fd, json_t **ret_result)
{
    struct worker_request request = {.op = op, .params = params, .deadline_ms = CLOCK_NEVER};
    struct fail fail = FAIL_INIT;
    cps_error error;

    request.fd = fd;
    *ret_result = NULL;
    error = cardop_handle(bench->cardop, &request, ret_result, &fail);
    assert_int_equal(error, error == CPS_OK ? CPS_OK : fail.code);
    assert_false(bench->card.held);
    json_decref(params);
    return error;
}

static cps_error simple(const char *op, json_t *params)
{
    json_t *result;
    cps_error error = request(op, params, -1, &result);

    json_decref(result);
    return error;
}

static cps_error open_card(void)
{
    return simple("open", json_pack("{s:s}", "reader", "R"));
}

static cps_error certificate(void)
{
    return simple("certificate", json_pack("{s:s}", "usage", "authentication"));
}

static cps_error verify(const char *pin, bool last_try)
{
    int fds[2];
    json_t *result;
    cps_error error;

    assert_int_equal(pipe(fds), 0);
    assert_int_equal(write(fds[1], pin, strlen(pin)), strlen(pin));
    close(fds[1]);
    error = request("verify", json_pack("{s:b}", "last_try", last_try), fds[0], &result);
    close(fds[0]);
    json_decref(result);
    return error;
}

static cps_error sign(void)
{
    return simple("sign", json_pack("{s:s, s:s, s:s}", "usage", "authentication", "hash", "sha256",
                                    "digest", "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"));
}

/* The layout that the driver tries first. */
static void lay_out_usual(uint8_t pin_reference)
{
    struct fake_card *card = &bench->card;

    ber_pin(&bench->aodf, FLAGS_PUK, 2, 8, 2);
    ber_pin(&bench->aodf, FLAGS_USER, 1, 4, pin_reference);
    card->pin_reference = pin_reference;
    card->key_reference = 0x82;
    fake_add(card, "\x3F\x00\x00\x01\x70\x01", 6, ber_span(&bench->aodf));
    fake_add(card, "\x3F\x00\x00\x01\xA0\x02", 6, card->certificate);
}

/* PKCS#15 as the directory files say it; the key is the second one, its certificate the first. */
static void lay_out_pkcs15(uint8_t key_reference, struct span certificate_path)
{
    struct fake_card *card = &bench->card;
    struct ber path = {.len = 0};
    const uint8_t references[2] = {0x00, key_reference};

    BER_LITERAL(&path, 0x4F, "\xE8\x10");
    BER_LITERAL(&path, 0x51, "\x3F\x00\x00\x01");
    ber_nest(&bench->dir, 0x61, &path);
    BER_LITERAL(&bench->odf, 0xA4, "\x30\x04\x04\x02\x6F\x13");
    BER_LITERAL(&bench->odf, 0xA8, "\x30\x04\x04\x02\x6F\x35");
    BER_LITERAL(&bench->odf, 0xA0, "\x30\x04\x04\x02\x6F\x44");
    if (bench->aodf.len == 0)
        ber_pin(&bench->aodf, FLAGS_USER, 1, 4, card->pin_reference);
    ber_key(&bench->prkdf, 0x10, SPAN("\x06\x00\x40"), 1, SPAN("\x00\x83"));
    ber_key(&bench->prkdf, 0x20, SPAN("\x05\x60"), 1, (struct span){references, 2});
    ber_certificate(&bench->cdf, 0x20, "Authentification", certificate_path);
    ber_certificate(&bench->cdf, 0x10, "Signature", SPAN("\xB0\x7A"));
    card->key_reference = key_reference;
    fake_add(card, "\x3F\x00\x2F\x00", 4, ber_span(&bench->dir));
    card->files[card->n_files - 1].sfi = 0x1E;
    fake_add(card, "\x3F\x00\x00\x01\x50\x31", 6, ber_span(&bench->odf));
    fake_add(card, "\x3F\x00\x00\x01\x6F\x35", 6, ber_span(&bench->aodf));
    fake_add(card, "\x3F\x00\x00\x01\x6F\x44", 6, ber_span(&bench->prkdf));
    fake_add(card, "\x3F\x00\x00\x01\x6F\x13", 6, ber_span(&bench->cdf));
}

static int setup(void **state)
{
    struct fake_card *card;

    (void)state;
    bench = calloc(1, sizeof *bench);
    card = &bench->card;
    card->transport = (struct transport){
        .ops = &fake_ops, .protocol = TRANSPORT_T0, .atr = {0x3B, 0x00}, .atr_len = 2};
    card->key = rsa;
    card->certificate = fake_make_certificate(rsa, "digitalSignature,keyEncipherment");
    bench->signature_certificate = fake_make_certificate(rsa, "digitalSignature,nonRepudiation");
    card->tries = 3;
    card->pin_reference = 1;
    fake_reset(card);
    BER_LITERAL(&bench->serial, 0x5A, "\x80\x25\x00\x00\x01\x29\x90\x01\x01\x5F");
    fake_add(card, "\x3F\x00\xD0\x03", 4, ber_span(&bench->serial));
    card->files[0].sfi = 0x1C;
    bench->cardop = cardop_new(connect_fake);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cardop_free(bench->cardop);
    OPENSSL_free((void *)(uintptr_t)bench->card.certificate.data);
    OPENSSL_free((void *)(uintptr_t)bench->signature_certificate.data);
    free(bench);
    return 0;
}

static int group_setup(void **state)
{
    (void)state;
    rsa = EVP_RSA_gen(2048);
    return rsa == NULL ? -1 : 0;
}

static int group_teardown(void **state)
{
    (void)state;
    EVP_PKEY_free(rsa);
    return 0;
}

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
    bench->card.files[bench->card.n_files - 1].content = bench->signature_certificate;
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

static void other_cards_are_left_alone(void **state)
{
    static const struct span atrs[] = {
        {(const uint8_t *)"\x3B\xDC\x18\xFF\x00\x00\x12\x25\x00\x64\x80\x00\x04\x01\x00\x90\x00",
         17},
        {(const uint8_t *)"\x3B\x9B\x18\x80\x01\x00\x12\x25\x00\x64\x80\x04\x01\x00\x00\x90\x44",
         17},
        {(const uint8_t *)"\x3B\x8F\x80\x01\x00\x31\xB8\x64\x04\xB0\xEC\xC1\x73\x94\x01\x80\x82"
                          "\x90\x00\x0E",
         20},
    };

    (void)state;
    lay_out_usual(1);
    for (size_t i = 0; i < sizeof atrs / sizeof atrs[0]; i++) {
        memcpy(bench->card.transport.atr, atrs[i].data, atrs[i].len);
        bench->card.transport.atr_len = atrs[i].len;
        assert_int_equal(open_card(), CPS_CARD_UNSUPPORTED);
        assert_int_equal(bench->card.commands, 0);
    }
    bench->card.transport.atr_len = 2;
    bench->serial.data[3] = 0x26; /* another issuer */
    assert_int_equal(open_card(), CPS_CARD_UNSUPPORTED);
    assert_int_equal(simple("pin_status", json_object()), CPS_INVALID_REQUEST);
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
    assert_int_equal(simple("certificate", json_pack("{s:s}", "usage", "signature")),
                     CPS_CARD_UNSUPPORTED);
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
        TEST(other_cards_are_left_alone),
        TEST(torn_out_at_every_command),
        TEST(bad_requests),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
