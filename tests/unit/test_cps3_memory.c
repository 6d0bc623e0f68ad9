/* SPDX-License-Identifier: Apache-2.0 */
/* A card that comes back: what is remembered of it, and what it takes to be believed. */
#include "pkcs11/file_memory.h"
#include "tests/unit/cps3_bench.h"

/* A new life of the card, as cps-cardop sees it. */
static void insert_again(void)
{
    cardop_free(bench->cardop);
    bench->cardop = cardop_new(connect_fake);
    bench->card.reset_pending = true;
    bench->card.commands = 0;
}

static cps_error open_with(const char *memory)
{
    return simple("open", json_pack("{s:s, s:s*}", "reader", "R", "memory", memory));
}

/* Reads the card and gives what there is to remember. */
static char *memory_of(const char *usage)
{
    AUTO_JSON json_t *result = NULL;

    assert_int_equal(open_card(), CPS_OK);
    assert_int_equal(
        request("certificate", json_pack("{s:s, s:b}", "usage", usage, "remember", 1), -1, &result),
        CPS_OK);
    assert_non_null(json_get_string(result, "memory"));
    return strdup(json_get_string(result, "memory"));
}

static void brief(void)
{
    AUTO_JSON json_t *result = NULL;

    assert_int_equal(
        request("open", json_pack("{s:s, s:b}", "reader", "R", "brief", 1), -1, &result), CPS_OK);
    assert_string_equal(json_get_string(result, "serial"), "29900101");
    assert_string_equal(json_get_string(result, "driver"), "cps3");
    assert_non_null(json_get_string(result, "atr"));
    assert_int_equal(bench->card.commands, 1);
}

static void a_card_that_comes_back(void **state)
{
    AUTO_FREE char *memory = NULL;

    (void)state;
    lay_out_usual(1);
    memory = memory_of("authentication");
    insert_again();
    brief();
    assert_int_equal(open_with(memory), CPS_OK);
    assert_int_equal(certificate(), CPS_OK);
    assert_int_equal(bench->card.commands, 3); /* serial number, application, state of the PIN */
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_int_equal(bench->card.commands, 8);
}

static void a_walked_card_that_comes_back(void **state)
{
    AUTO_FREE char *memory = NULL;

    (void)state;
    fake_add(&bench->card, "\x3F\x00\x00\x01\xB0\x19", 6, bench->card.certificate);
    bench->card.pin_reference = 3;
    lay_out_pkcs15(0x84, SPAN("\xB0\x19"));
    memory = memory_of("authentication");
    insert_again();
    brief();
    assert_int_equal(open_with(memory), CPS_OK);
    assert_int_equal(certificate(), CPS_OK);
    assert_int_equal(bench->card.commands, 3);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
}

static void a_contactless_card_that_comes_back(void **state)
{
    AUTO_FREE char *memory = NULL;

    (void)state;
    lay_out_contactless();
    memory = memory_of("technical");
    insert_again();
    brief();
    assert_int_equal(open_with(memory), CPS_OK);
    assert_int_equal(certificate_for("technical"), CPS_OK);
    assert_int_equal(bench->card.commands, 2);
    assert_int_equal(sign_by("technical"), CPS_OK);
}

/* Same serial number, other keys: the first signature tells, and nothing wrong comes out. */
static void a_card_that_was_made_anew(void **state)
{
    AUTO_FREE char *memory = NULL;
    struct span other = fake_make_certificate(rsa_signature, "digitalSignature");

    (void)state;
    lay_out_usual(1);
    lay_out_signature();
    memory = memory_of("authentication");
    insert_again();
    bench->card.key = rsa_signature;
    for (size_t i = 0; i < bench->card.n_files; i++)
        if (bench->card.files[i].content.data == bench->card.certificate.data)
            bench->card.files[i].content = other;
    assert_int_equal(open_with(memory), CPS_OK);
    assert_int_equal(certificate(), CPS_OK); /* still what was remembered */
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_false(cardop_was_misled(bench->cardop));
    assert_int_equal(sign(), CPS_CARD_PROTOCOL);
    assert_true(cardop_was_misled(bench->cardop));
    assert_int_equal(bench->card.pins_sent, 1);
    insert_again();
    assert_int_equal(open_with(NULL), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    OPENSSL_free((void *)(uintptr_t)other.data);
}

/* The same keys elsewhere: what is remembered is wrong, what was told is not. */
static void a_card_laid_out_anew(void **state)
{
    AUTO_FREE char *memory = NULL;

    (void)state;
    lay_out_usual(1);
    memory = memory_of("authentication");
    insert_again();
    lay_out_pkcs15(0x84, SPAN("\xA0\x02"));
    assert_int_equal(open_with(memory), CPS_OK);
    assert_int_equal(certificate(), CPS_OK);
    assert_int_equal(verify("1234", false), CPS_OK);
    assert_int_equal(sign(), CPS_OK);
    assert_false(cardop_was_misled(bench->cardop));
}

/* A memory of the contact side does not stand in the way of the other one. */
static void the_other_side_of_the_card(void **state)
{
    AUTO_FREE char *memory = NULL;

    (void)state;
    lay_out_usual(1);
    memory = memory_of("authentication");
    insert_again();
    lay_out_contactless();
    bench->card.transport.atr_len = 2;                      /* and the reader does not tell */
    assert_int_equal(open_with(memory), CPS_CARD_PROTOCOL); /* no EF.DIR here to find it by */
    insert_again();
    bench->card.transport.atr_len = 20;
    assert_int_equal(open_with(memory), CPS_OK);
    assert_int_equal(certificate_for("technical"), CPS_OK);
    assert_int_equal(sign_by("technical"), CPS_OK);
}

static void memories_that_are_none(void **state)
{
    static const char *const bad[] = {
        "", "AA", "AQ+", "AQY_AHAB", "AQQ_AAABAAU", "AREBAgMEBQYHCA", "====", "Af8"};

    (void)state;
    lay_out_usual(1);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        insert_again();
        assert_int_equal(open_with(bad[i]), CPS_INVALID_PARAMS);
    }
    assert_int_equal(open_with("AQ"), CPS_OK); /* nothing in it */
    assert_int_equal(certificate(), CPS_OK);
}

/* Whatever a memory says, no signature comes out that the card's certificate does not verify. */
static void memories_cut_and_changed(void **state)
{
    AUTO_FREE char *memory = NULL;
    uint8_t bytes[2048];
    ptrdiff_t len;

    (void)state;
    lay_out_usual(1);
    memory = memory_of("authentication");
    len = b64_decode(memory, strlen(memory), bytes, sizeof bytes);
    assert_true(len > 0);
    for (size_t at = 0; at < (size_t)len; at += 7) {
        AUTO_FREE char *changed = NULL;
        uint8_t before = bytes[at];

        bytes[at] ^= 0x41;
        changed = b64_encode(bytes, at % 3 == 0 ? at : (size_t)len);
        bytes[at] = before;
        insert_again();
        bench->card.tries = 3;
        bench->card.pins_sent = 0;
        if (open_with(changed) != CPS_OK)
            continue;
        (void)certificate();
        (void)verify("1234", false);
        if (sign() == CPS_OK)
            assert_true(bench->card.verified);
        assert_true(bench->card.pins_sent <= 1);
    }
}

static void memory_is_bounded(void **state)
{
    struct file_memory *memory = file_memory_new();
    static uint8_t packed[FILE_MEMORY_SIZE_MAX];
    static const uint8_t content[FILE_SIZE_MAX];
    struct file_path path = {.len = 2};
    struct span found;

    (void)state;
    for (uint8_t i = 0; i < 2 * FILE_MEMORY_FILES_MAX; i++) {
        path.bytes[0] = i;
        file_memory_note(memory, &path, (struct span){content, 1});
        assert_false(file_memory_find(memory, &path, &found)); /* noted is not loaded */
    }
    for (uint8_t i = 0; i < FILE_MEMORY_FILES_MAX; i++) {
        path.bytes[0] = i;
        file_memory_note(memory, &path, (struct span){content, FILE_SIZE_MAX});
    }
    assert_in_range(file_memory_pack(memory, packed), 2 * FILE_SIZE_MAX, FILE_MEMORY_SIZE_MAX);
    file_memory_free(memory);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_card_that_comes_back),
        TEST(a_walked_card_that_comes_back),
        TEST(a_contactless_card_that_comes_back),
        TEST(a_card_that_was_made_anew),
        TEST(a_card_laid_out_anew),
        TEST(the_other_side_of_the_card),
        TEST(memories_that_are_none),
        TEST(memories_cut_and_changed),
        TEST(memory_is_bounded),
    };

    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
