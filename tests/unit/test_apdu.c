/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pkcs11/apdu.h"

#define SPAN(literal) ((struct span){(const uint8_t *)(literal), sizeof(literal) - 1})

/* A card that expects commands in order; the last answer is repeated. */
struct turn {
    struct span command;
    struct span answer;
};

struct script {
    struct transport transport;
    const struct turn *turns;
    size_t n;
    size_t done;
};

static cps_error script_transmit(struct transport *transport, const uint8_t *command, size_t len,
                                 uint8_t *answer, size_t size, size_t *ret_len, struct fail *fail)
{
    struct script *script = (struct script *)transport;
    const struct turn *turn =
        &script->turns[script->done < script->n ? script->done : script->n - 1];

    (void)fail;
    if (script->done < script->n) {
        assert_int_equal(len, turn->command.len);
        assert_memory_equal(command, turn->command.data, len);
    }
    script->done++;
    assert_true(turn->answer.len <= size);
    memcpy(answer, turn->answer.data, turn->answer.len);
    *ret_len = turn->answer.len;
    return CPS_OK;
}

static const struct transport_ops script_ops = {.transmit = script_transmit};

static uint8_t channel;

static cps_error play(enum transport_protocol protocol, const struct turn *turns, size_t n,
                      const struct apdu *command, struct apdu_answer *answer)
{
    struct script script = {
        .transport = {.ops = &script_ops, .protocol = protocol, .channel = channel},
        .turns = turns,
        .n = n};
    struct fail fail = FAIL_INIT;
    cps_error error = apdu_exchange(&script.transport, command, answer, &fail);

    if (error == CPS_OK)
        assert_int_equal(script.done, n);
    return error;
}

#define PLAY(protocol, turns, command, answer)                                                     \
    play(protocol, turns, sizeof(turns) / sizeof((turns)[0]), command, answer)

static const struct apdu sign = {.ins = 0x88, .data = {(const uint8_t *)"\x01\x02", 2}, .le = 256};
static const struct apdu read_all = {.ins = 0xB0, .le = 256};

static void t0_fetches_with_get_response(void **state)
{
    static const struct turn turns[] = {
        {{(const uint8_t *)"\x00\x88\x00\x00\x02\x01\x02", 7}, {(const uint8_t *)"\x61\x03", 2}},
        {{(const uint8_t *)"\x00\xC0\x00\x00\x03", 5}, {(const uint8_t *)"ab\x61\x01", 4}},
        {{(const uint8_t *)"\x00\xC0\x00\x00\x01", 5}, {(const uint8_t *)"c\x90\x00", 3}},
    };
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, turns, &sign, &answer), CPS_OK);
    assert_int_equal(answer.sw, 0x9000);
    assert_int_equal(answer.len, 3);
    assert_memory_equal(answer.data, "abc", 3);
}

static void t0_sends_zero_for_256(void **state)
{
    static const struct turn turns[] = {
        {{(const uint8_t *)"\x00\x88\x00\x00\x02\x01\x02", 7}, {(const uint8_t *)"\x61\x00", 2}},
        {{(const uint8_t *)"\x00\xC0\x00\x00\x00", 5}, {(const uint8_t *)"z\x90\x00", 3}},
    };
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, turns, &sign, &answer), CPS_OK);
}

/* What a command did not ask for stays on the card. */
static void an_answer_may_be_left(void **state)
{
    static const struct turn turns[] = {
        {{(const uint8_t *)"\x00\xA4\x08\x00\x02\xD0\x03", 7}, {(const uint8_t *)"\x61\x27", 2}},
    };
    const struct apdu select = {.ins = 0xA4, .p1 = 8, .data = SPAN("\xD0\x03")};
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, turns, &select, &answer), CPS_OK);
    assert_int_equal(answer.sw, 0x9000);
    assert_int_equal(answer.len, 0);
}

/* GET RESPONSE goes on the channel of its command, outside of any chain. */
static void a_logical_channel(void **state)
{
    static const struct turn turns[] = {
        {{(const uint8_t *)"\x11\x2A\x80\x86\x01\x02", 6}, {(const uint8_t *)"\x61\x01", 2}},
        {{(const uint8_t *)"\x01\xC0\x00\x00\x01", 5}, {(const uint8_t *)"z\x90\x00", 3}},
    };
    const struct apdu part = {
        .cla = 0x10, .ins = 0x2A, .p1 = 0x80, .p2 = 0x86, .data = SPAN("\x02"), .le = 256};
    struct apdu_answer answer;

    (void)state;
    channel = 1;
    assert_int_equal(PLAY(TRANSPORT_T0, turns, &part, &answer), CPS_OK);
    channel = 0;
    assert_int_equal(answer.len, 1);
}

static void t1_carries_the_apdu(void **state)
{
    static const struct turn turns[] = {
        {{(const uint8_t *)"\x00\x88\x00\x00\x02\x01\x02\x00", 8},
         {(const uint8_t *)"abc\x90\x00", 5}},
    };
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T1, turns, &sign, &answer), CPS_OK);
    assert_int_equal(answer.len, 3);
}

static void a_command_of_four_bytes(void **state)
{
    static const struct turn t0[] = {
        {{(const uint8_t *)"\x00\x20\x00\x01\x00", 5}, {(const uint8_t *)"\x63\xC3", 2}}};
    static const struct turn t1[] = {
        {{(const uint8_t *)"\x00\x20\x00\x01", 4}, {(const uint8_t *)"\x63\xC3", 2}}};
    const struct apdu status = {.ins = 0x20, .p2 = 1};
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, t0, &status, &answer), CPS_OK);
    assert_int_equal(answer.sw, 0x63C3);
    assert_int_equal(PLAY(TRANSPORT_T1, t1, &status, &answer), CPS_OK);
}

static void a_read_is_repeated_with_the_right_length(void **state)
{
    static const struct turn turns[] = {
        {{(const uint8_t *)"\x00\xB0\x00\x00\x00", 5}, {(const uint8_t *)"\x6C\x02", 2}},
        {{(const uint8_t *)"\x00\xB0\x00\x00\x02", 5}, {(const uint8_t *)"ab\x90\x00", 4}},
    };
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, turns, &read_all, &answer), CPS_OK);
    assert_int_equal(answer.len, 2);
}

/* A card that answers 6Cxx to a PIN must not get the PIN twice. */
static void data_is_never_sent_twice(void **state)
{
    static const struct turn turns[] = {
        {{(const uint8_t *)"\x00\x20\x00\x01\x04\x31\x32\x33\x34", 9},
         {(const uint8_t *)"\x6C\x04", 2}},
    };
    const struct apdu verify = {.ins = 0x20, .p2 = 1, .data = SPAN("1234")};
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, turns, &verify, &answer), CPS_OK);
    assert_int_equal(answer.sw, 0x6C04);
    assert_int_equal(PLAY(TRANSPORT_T1, turns, &verify, &answer), CPS_OK);
}

static void endless_answers_end(void **state)
{
    static const struct turn more[] = {
        {{(const uint8_t *)"\x00\xB0\x00\x00\x00", 5}, {(const uint8_t *)"a\x61\x00", 3}}};
    static const struct turn other[] = {
        {{(const uint8_t *)"\x00\xB0\x00\x00\x00", 5}, {(const uint8_t *)"\x6C\x00", 2}}};
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, more, &read_all, &answer), CPS_CARD_PROTOCOL);
    assert_int_equal(PLAY(TRANSPORT_T0, other, &read_all, &answer), CPS_CARD_PROTOCOL);
}

static void an_answer_that_grows_too_long(void **state)
{
    static uint8_t block[258] = {[256] = 0x61};
    const struct turn turns[] = {{SPAN("\x00\xB0\x00\x00\x00"), {block, sizeof block}}};
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, turns, &read_all, &answer), CPS_CARD_PROTOCOL);
}

static void an_answer_without_status(void **state)
{
    static const struct turn none[] = {
        {{(const uint8_t *)"\x00\xB0\x00\x00\x00", 5}, {(const uint8_t *)"", 0}}};
    static const struct turn half[] = {
        {{(const uint8_t *)"\x00\xB0\x00\x00\x00", 5}, {(const uint8_t *)"\x90", 1}}};
    struct apdu_answer answer;

    (void)state;
    assert_int_equal(PLAY(TRANSPORT_T0, none, &read_all, &answer), CPS_CARD_PROTOCOL);
    assert_int_equal(PLAY(TRANSPORT_T0, half, &read_all, &answer), CPS_CARD_PROTOCOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(t0_fetches_with_get_response),
        cmocka_unit_test(t0_sends_zero_for_256),
        cmocka_unit_test(an_answer_may_be_left),
        cmocka_unit_test(a_logical_channel),
        cmocka_unit_test(t1_carries_the_apdu),
        cmocka_unit_test(a_command_of_four_bytes),
        cmocka_unit_test(a_read_is_repeated_with_the_right_length),
        cmocka_unit_test(data_is_never_sent_twice),
        cmocka_unit_test(endless_answers_end),
        cmocka_unit_test(an_answer_that_grows_too_long),
        cmocka_unit_test(an_answer_without_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
