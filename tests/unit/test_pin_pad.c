/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pkcs11/pin_pad.h"

static void what_a_reader_says_of_itself(void **state)
{
    static const struct {
        uint8_t answer[20];
        size_t len;
        uint32_t verify;
        uint32_t modify;
    } cases[] = {
        {{0}, 0, 0, 0},
        {{0x06, 4, 0x42, 0x33, 0, 6, 0x07, 4, 0x42, 0x33, 0, 7}, 12, 0x42330006, 0x42330007},
        {{0x12, 4, 1, 2, 3, 4, 0x06, 4, 0xFF, 0xFE, 0, 1}, 12, 0xFFFE0001, 0},
        {{0x06, 4, 0x42, 0x33, 0}, 5, 0, 0},              /* cut short */
        {{0x06}, 1, 0, 0},                                /* a tag alone */
        {{0x06, 2, 1, 2, 0x07, 4, 0, 0, 0, 9}, 10, 0, 9}, /* a length that is none */
        {{0x06, 0xFF, 1, 2, 3, 4}, 6, 0, 0},
        {{0x06, 0, 0x07, 0, 0x06, 4, 0, 0, 0, 5}, 10, 5, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pin_pad_features features = pin_pad_read_features(cases[i].answer, cases[i].len);

        assert_int_equal(features.verify, cases[i].verify);
        assert_int_equal(features.modify, cases[i].modify);
    }
}

static struct {
    size_t len;
    uint8_t bytes[4];
} said;

static cps_error answer_as_told(struct transport *transport, enum transport_pad pad,
                                const uint8_t *block, size_t len, uint8_t *answer, size_t size,
                                size_t *ret_len, struct fail *fail)
{
    (void)transport;
    (void)pad;
    (void)block;
    (void)len;
    (void)fail;
    assert_true(size >= 2);
    *ret_len = said.len < size ? said.len : size;
    for (size_t i = 0; i < *ret_len; i++)
        answer[i] = said.bytes[i];
    return CPS_OK;
}

static const struct transport_ops ops = {.pad = answer_as_told};

static void what_it_answers(void **state)
{
    static const struct {
        size_t len;
        uint8_t bytes[4];
        cps_error error;
    } cases[] = {
        {2, {0x90, 0x00}, CPS_OK},
        {2, {0x63, 0xC2}, CPS_OK},
        {2, {0x64, 0x00}, CPS_PROMPT_TIMEOUT},
        {2, {0x64, 0x01}, CPS_PROMPT_CANCELLED},
        {2, {0x64, 0x02}, CPS_PIN_INVALID},
        {2, {0x64, 0x03}, CPS_PIN_INVALID},
        {0, {0}, CPS_CARD_PROTOCOL},
        {1, {0x90}, CPS_CARD_PROTOCOL},
        {3, {0x90, 0x00, 0x00}, CPS_CARD_PROTOCOL},
    };
    struct transport transport = {.ops = &ops, .pads = TRANSPORT_PAD_VERIFY};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fail fail = FAIL_INIT;
        uint16_t sw = 0;

        said.len = cases[i].len;
        for (size_t j = 0; j < sizeof said.bytes; j++)
            said.bytes[j] = cases[i].bytes[j];
        assert_int_equal(pin_pad_verify(&transport, 1, &sw, &fail), cases[i].error);
        if (cases[i].error == CPS_OK)
            assert_int_equal(sw, cases[i].bytes[0] << 8 | cases[i].bytes[1]);
    }
}

static void a_reader_without_the_keys_for_it(void **state)
{
    static const struct transport_ops none = {0};
    struct transport transport = {.ops = &ops, .pads = TRANSPORT_PAD_VERIFY};
    struct fail fail;
    uint16_t sw;

    (void)state;
    assert_int_equal(pin_pad_change(&transport, 0, 1, true, &sw, &fail), CPS_CARD_UNSUPPORTED);
    transport.pads = 0;
    assert_int_equal(pin_pad_verify(&transport, 1, &sw, &fail), CPS_CARD_UNSUPPORTED);
    transport = (struct transport){.ops = &none, .pads = TRANSPORT_PAD_VERIFY};
    assert_int_equal(pin_pad_verify(&transport, 1, &sw, &fail), CPS_CARD_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_reader_says_of_itself),
        cmocka_unit_test(what_it_answers),
        cmocka_unit_test(a_reader_without_the_keys_for_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
