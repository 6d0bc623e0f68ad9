/* SPDX-License-Identifier: Apache-2.0 */
/* The virtual card's pure pieces: TLV lengths, directory files, codes, framing, last hash round. */
#define OPENSSL_API_COMPAT 10100
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/sha.h>
#include <string.h>

#include "hw-fixtures/vcps/crypto.h"
#include "hw-fixtures/vcps/framing.h"
#include "hw-fixtures/vcps/p15.h"

/* --- TLV ------------------------------------------------------------------------------------ */

static void der_lengths(void **state)
{
    static const struct {
        size_t n, head;
        uint8_t expected[4];
    } cases[] = {
        {0, 2, {0x04, 0x00}},
        {127, 2, {0x04, 0x7F}},
        {128, 3, {0x04, 0x81, 0x80}},
        {255, 3, {0x04, 0x81, 0xFF}},
        {256, 4, {0x04, 0x82, 0x01, 0}},
        {20000, 4, {0x04, 0x82, 0x4E, 0x20}},
    };
    static const uint8_t bytes[20000];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct der d = {0};
        der_tlv(&d, 0x04, bytes, cases[i].n);
        assert_false(d.failed);
        assert_int_equal(d.len, cases[i].head + cases[i].n);
        assert_memory_equal(d.data, cases[i].expected, cases[i].head);
        der_done(&d);
    }
}

static void der_integers(void **state)
{
    static const struct {
        unsigned value;
        size_t n;
        uint8_t expected[7];
    } cases[] = {
        {0, 3, {2, 1, 0}},           {127, 3, {2, 1, 0x7F}},      {128, 4, {2, 2, 0, 0x80}},
        {0x220, 4, {2, 2, 2, 0x20}}, {65537, 5, {2, 3, 1, 0, 1}}, {0x80000000, 7, {2, 5, 0, 0x80}},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct der d = {0};
        der_int(&d, 0x02, cases[i].value);
        assert_int_equal(d.len, cases[i].n);
        assert_memory_equal(d.data, cases[i].expected, cases[i].n);
        der_done(&d);
    }
}

static void der_long_tags_nest(void **state)
{
    static const uint8_t expected[] = {0x70, 0x07, 0xBF, 0x81, 0x01, 0x03, 0x9A, 0x01, 0x03};
    const uint8_t three = 3;
    struct der d = {0};

    (void)state;
    size_t outer = der_begin(&d, 0x70), inner = der_begin(&d, 0xBF8101);
    der_tlv(&d, 0x9A, &three, 1);
    der_end(&d, inner);
    der_end(&d, outer);
    assert_int_equal(d.len, sizeof(expected));
    assert_memory_equal(d.data, expected, sizeof(expected));
    der_done(&d);
}

static void der_failure_is_sticky(void **state)
{
    static const uint8_t bytes[DER_MAX];
    struct der d = {0};
    size_t n = 0;

    (void)state;
    der_put(&d, bytes, sizeof(bytes));
    assert_false(d.failed);
    der_put(&d, bytes, 1);
    assert_true(d.failed);
    assert_null(der_take(&d, &n));
    assert_null(d.data);
}

/* --- directory files ------------------------------------------------------------------------ */

static struct image *new_image(unsigned protocol)
{
    static const uint8_t aid[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                  0x00, 0x00, 0x01, 0xFF, 0x00, 0x20};
    static const struct image_df odf[] = {{DF_AODF, 0x7001},
                                          {DF_PRKDF, 0x7002},
                                          {DF_PUKDF, 0x7004},
                                          {DF_CDF, 0x7005},
                                          {DF_DODF, 0x7006}};
    struct image *im = calloc(1, sizeof(*im));

    assert_non_null(im);
    im->protocol = protocol;
    im->n_apps = 2;
    memcpy(im->serial, "29900123", 9);
    memcpy(im->pin, "1234", 5);
    memcpy(im->puk, "12345678", 9);
    for (size_t i = 0; i < 2; i++) {
        struct image_app *app = &im->apps[i];
        memcpy(app->aid, aid, sizeof(aid));
        app->aid_len = sizeof(aid);
        app->df = (uint16_t)(2 - i);
        memcpy(app->odf, odf, sizeof(odf));
        app->n_odf = 5;
    }
    im->apps[0].contactless = true;
    memcpy(im->apps[0].label, "CPX IAS CL", 11);
    memcpy(im->apps[1].label, "CPX IAS", 8);
    im->apps[1].aid[12] = 0x10;
    return im;
}

static void master_files(void **state)
{
    static const uint8_t sn[] = {0x5A, 0x0A, 0x80, 0x25, 0x00, 0x00,
                                 0x01, 0x29, 0x90, 0x01, 0x23, 0x7F};
    struct image *im = new_image(0);
    struct der atr = {0}, dir = {0}, serial = {0}, odf = {0};

    (void)state;
    p15_ef_atr(&atr);
    assert_int_equal(atr.len, 57);
    assert_int_equal(atr.data[0], 0x80);
    p15_ef_dir(&dir, im);
    assert_int_equal(dir.len, 101);
    assert_int_equal(dir.data[16], 0x20);     /* the contactless record comes first */
    assert_int_equal(dir.data[49 + 2], 0x10); /* and names the contact application in its DDO */
    p15_ef_sn(&serial, im);
    assert_int_equal(serial.len, sizeof(sn));
    assert_memory_equal(serial.data, sn, sizeof(sn));
    p15_odf(&odf, &im->apps[1]);
    assert_int_equal(odf.len, 40);
    der_done(&atr);
    der_done(&dir);
    der_done(&serial);
    der_done(&odf);
    image_free(im);
}

/* --- codes ---------------------------------------------------------------------------------- */

static uint16_t verify(struct pin *p, const char *text)
{
    return pin_verify(p, (const uint8_t *)text, strlen(text));
}

static void pin_counts_and_blocks(void **state)
{
    struct pin p;

    (void)state;
    pin_init(&p, "1234", 3, PIN_UNLIMITED);
    assert_int_equal(verify(&p, ""), 0x63C3);
    assert_int_equal(verify(&p, "12345"), SW_WRONG_LENGTH);
    assert_int_equal(p.tries_left, 3);
    assert_int_equal(verify(&p, "0000"), 0x63C2);
    assert_int_equal(verify(&p, "1234"), SW_OK);
    assert_int_equal(verify(&p, ""), SW_OK);
    assert_int_equal(p.tries_left, 3);
    assert_int_equal(verify(&p, "0000"), 0x63C2);
    assert_false(p.verified); /* a wrong presentation takes the right one back */
    assert_int_equal(verify(&p, "0000"), 0x63C1);
    assert_int_equal(verify(&p, "0000"), 0x63C0);
    assert_int_equal(verify(&p, "1234"), SW_BLOCKED);
    assert_int_equal(verify(&p, ""), SW_BLOCKED);
}

static void pin_changes(void **state)
{
    struct pin p;

    (void)state;
    pin_init(&p, "1234", 3, PIN_UNLIMITED);
    assert_int_equal(pin_change(&p, (const uint8_t *)"12345", 5), SW_WRONG_LENGTH);
    assert_int_equal(pin_change(&p, (const uint8_t *)"00005678", 8), 0x63C2);
    assert_int_equal(verify(&p, "5678"), 0x63C1);
    assert_int_equal(pin_change(&p, (const uint8_t *)"12345678", 8), SW_OK);
    assert_false(p.verified);
    assert_int_equal(verify(&p, "5678"), SW_OK);
}

static void pin_unblocks_under_puk(void **state)
{
    struct pin p, puk;

    (void)state;
    pin_init(&p, "1234", 3, PIN_UNLIMITED);
    pin_init(&puk, "12345678", 10, 2);
    p.tries_left = 0;
    assert_int_equal(pin_unblock(&p, &puk, (const uint8_t *)"9999", 4), SW_SECURITY);
    assert_int_equal(verify(&puk, "12345678"), SW_OK);
    assert_int_equal(pin_unblock(&p, &puk, (const uint8_t *)"999", 3), SW_WRONG_LENGTH);
    assert_int_equal(pin_unblock(&p, &puk, (const uint8_t *)"9999", 4), SW_OK);
    assert_false(p.verified);
    assert_int_equal(verify(&p, "9999"), SW_OK);
    assert_int_equal(verify(&puk, "12345678"), SW_OK); /* its second and last use */
    puk.verified = false;
    assert_int_equal(verify(&puk, "12345678"), SW_BLOCKED);
}

static void pin_unblocks_in_two_steps(void **state)
{
    const uint8_t *next = (const uint8_t *)"8642";
    struct pin p, puk;

    (void)state;
    pin_init(&p, "1234", 3, PIN_UNLIMITED);
    pin_init(&puk, "12345678", 10, PIN_UNLIMITED);
    assert_int_equal(pin_replace(&p, &puk, next, 4), SW_SECURITY);
    p.tries_left = 0;
    assert_int_equal(pin_restore(&p, &puk), SW_SECURITY);
    assert_int_equal(verify(&puk, "12345678"), SW_OK);
    assert_int_equal(pin_replace(&p, &puk, next, 4), SW_BLOCKED);
    assert_int_equal(pin_restore(&p, &puk), SW_OK);
    assert_int_equal(p.tries_left, 3);
    assert_int_equal(pin_replace(&p, &puk, next, 3), SW_WRONG_LENGTH);
    assert_int_equal(pin_replace(&p, &puk, next, 4), SW_OK);
    assert_false(p.verified);
    puk.verified = false;
    assert_int_equal(verify(&p, "8642"), SW_OK);
    assert_int_equal(pin_replace(&p, &puk, (const uint8_t *)"1357", 4), SW_OK);
    assert_int_equal(verify(&p, "1357"), SW_OK);
}

/* --- framing -------------------------------------------------------------------------------- */

struct exchange {
    const char *command, *answer; /* hexadecimal */
};

/* Takes the image over. */
static void run_exchanges(struct image *im, const struct exchange *list, size_t n)
{
    struct card *c = card_new(im);
    struct framing f = {0};

    assert_non_null(c);
    for (size_t i = 0; i < n; i++) {
        uint8_t in[300], expected[300], out[FRAME_MAX];
        size_t in_len, expected_len;
        assert_true(hex_decode(list[i].command, in, sizeof(in), &in_len));
        assert_true(hex_decode(list[i].answer, expected, sizeof(expected), &expected_len));
        size_t got = framing_exchange(&f, c, in, in_len, out);
        assert_int_equal(got, expected_len);
        assert_memory_equal(out, expected, expected_len);
    }
    card_free(c);
}

static void framing_t0(void **state)
{
    static const struct exchange list[] = {
        {"00A40904023F00", "6120"},
        {"00C0000004", "621E8201 611C"}, /* a part, and what is left */
        {"00C0000020", "6C1C"},          /* more than is left: nothing is lost */
        {"00C0000003", "388302 6119"},
        {"00A40904022F00", "6A82"}, /* a path keeps its 3F00 */
        {"00C0000000", "6985"},     /* another command drops what was waiting */
        {"00A40900023F00", "6A86"},
        {"00A40904023F0000", "6700"}, /* no Le after data under T=0 */
        {"00B09C00C0", "5A0A8025000001299001237F 6282"},
        {"00B09C000C", "5A0A8025000001299001237F 9000"},
        {"00B09C0BFF", "7F 6282"},
        {"00B09C0C01", "6B00"},
        {"00A404000880250000 01FF0100", "9000"}, /* the root answers no FCI */
        {"0020000100", "63C3"},
        {"002000010431323334", "9000"},
        {"0020000100", "9000"},
        {"80A40904023F00", "6E00"},
        {"0012000000", "6D00"},
        {"00A4", "6700"},
    };

    (void)state;
    run_exchanges(new_image(0), list, sizeof(list) / sizeof(list[0]));
}

static void framing_t1(void **state)
{
    static const struct exchange list[] = {
        {"00A4090402 3F00", "9000"}, /* no Le, no data */
        {"00A4090402 3F00 0A", "6C20"},
        {"00A4090402 3F00 00", "621E820138 83023F00 A112 8C077BFFFFFFFFFF00 9C077BFFFFFFFFFF00 "
                               "8A0105 9000"},
        {"00A40904 000002 3F00 0000", "621E820138 83023F00 A112 8C077BFFFFFFFFFF00 "
                                      "9C077BFFFFFFFFFF00 8A0105 9000"},
        {"00B09C00 000000", "5A0A8025000001299001237F 6282"},
        {"00200001 04 31323334", "9000"},
        {"00A4090402 3F", "6700"},
    };

    (void)state;
    run_exchanges(new_image(1), list, sizeof(list) / sizeof(list[0]));
}

static void framing_cps4(void **state)
{
    static const struct exchange list[] = {
        {"01A4040C08 8025000001FF0100", "9000"},
        {"01A4080002 D003", "6127"},
        {"00C0000027", "6E00"}, /* the answer waits on channel 1 */
        {"01C0000004", "6F258002 6123"},
        {"01B000000C", "5A0A8025000001299001237F 9000"},
        {"01A4080004 00010001", "6A82"},
        {"01A4080C02 0001", "9000"},
        {"00A4090C02 3F00", "6A82"},
        {"0020000100", "6E00"},
        {"01200001", "63C3"},
        {"112A9E9A01 00", "6883"},
        {"11A4080C02 0001", "6883"},
        {"01CB3FFF00", "6D00"},
    };
    struct image *im = new_image(0);

    (void)state;
    im->personality = PERSONALITY_CPS4;
    im->n_apps = 1;
    im->apps[0] = im->apps[1];
    run_exchanges(im, list, sizeof(list) / sizeof(list[0]));
}

static void framing_contactless(void **state)
{
    static const struct exchange list[] = {
        {"00A4040C0D E828BD080F8025000001FF0020", "9000"},
        {"00A4040C0D E828BD080F8025000001FF0010", "6A82"},
        {"00A4090C04 3F000002", "9000"},
        {"00A4090C04 3F000001", "6A82"},
        {"00A4090C06 3F0000015031", "6A82"},
        {"0020000100", "6A88"},
        {"00B09C000C", "6A82"},
        {"00A4090C02 3F00", "9000"},
        {"00B09C000C", "5A0A8025000001299001237F 9000"},
    };
    struct image *im = new_image(1);

    (void)state;
    im->contactless = true;
    run_exchanges(im, list, sizeof(list) / sizeof(list[0]));
}

/* --- hash ----------------------------------------------------------------------------------- */

static void last_round_matches_whole_hash(void **state)
{
    uint8_t message[200], whole[32], ended[32], mid[32];
    SHA256_CTX c;

    (void)state;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    SHA256(message, sizeof(message), whole);
    SHA256_Init(&c);
    SHA256_Update(&c, message, 192);
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 4; k++)
            mid[4 * i + k] = (uint8_t)(c.h[i] >> (24 - 8 * k));
    assert_true(crypto_hash_last(HASH_SHA256, mid, 192 * 8, message + 192, 8, ended));
    assert_memory_equal(ended, whole, sizeof(whole));
    assert_true(crypto_hash_last(HASH_SHA256, NULL, 0, message, 64, ended));
    SHA256(message, 64, whole);
    assert_memory_equal(ended, whole, sizeof(whole));
    assert_true(crypto_hash_last(HASH_SHA1, NULL, 0, message, 10, ended));
    SHA1(message, 10, whole);
    assert_memory_equal(ended, whole, 20);
    assert_false(crypto_hash_last(HASH_SHA256, mid, 100, message, 8, ended));
    assert_false(crypto_hash_last(HASH_SHA256, NULL, 0, message, 65, ended));
    assert_false(crypto_hash_last(HASH_NONE, NULL, 0, message, 8, ended));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(der_lengths),
        cmocka_unit_test(der_integers),
        cmocka_unit_test(der_long_tags_nest),
        cmocka_unit_test(der_failure_is_sticky),
        cmocka_unit_test(master_files),
        cmocka_unit_test(pin_counts_and_blocks),
        cmocka_unit_test(pin_changes),
        cmocka_unit_test(pin_unblocks_under_puk),
        cmocka_unit_test(pin_unblocks_in_two_steps),
        cmocka_unit_test(framing_t0),
        cmocka_unit_test(framing_t1),
        cmocka_unit_test(framing_cps4),
        cmocka_unit_test(framing_contactless),
        cmocka_unit_test(last_round_matches_whole_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
