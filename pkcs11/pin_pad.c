/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pin_pad.h"

#include <string.h>

#define PIN_LEN 4

#define INS_VERIFY 0x20
#define INS_CHANGE 0x24

#define FORMAT_ASCII_LEFT 0x82 /* offsets in bytes, left justified, ASCII */
#define LENGTH_NOT_SENT   0x00
#define ON_VALIDATION_KEY 0x02
#define CONFIRM_NEW       0x01
#define ASK_CURRENT       0x02
#define LANGUAGE_FRENCH   0x040C
#define FILLER            0xFF

/* What the reader itself says in place of the card. */
#define SW_TIMED_OUT 0x6400
#define SW_CANCELLED 0x6401
#define SW_DIFFERENT 0x6402
#define SW_WRONG_LEN 0x6403

#define BLOCK_MAX 64

/* Fields one after another, little-endian; every block is far shorter than BLOCK_MAX. */
struct block {
    uint8_t bytes[BLOCK_MAX];
    size_t len;
};

static void put(struct block *block, uint8_t value)
{
    block->bytes[block->len++] = value;
}

static void put_many(struct block *block, size_t n, uint32_t value)
{
    for (size_t i = 0; i < n; i++)
        put(block, (uint8_t)(value >> (8 * i)));
}

static void put_head(struct block *block)
{
    put(block, PIN_PAD_SECONDS); /* until the first key */
    put(block, PIN_PAD_SECONDS); /* between two keys */
    put(block, FORMAT_ASCII_LEFT);
    put(block, PIN_LEN); /* of the place for the PIN */
    put(block, LENGTH_NOT_SENT);
}

/* The length field, then the command with a place for the PINs. */
static void put_command(struct block *block, const struct transport *transport, uint8_t ins,
                        uint8_t p1, uint8_t reference, size_t data_len)
{
    put_many(block, 4, (uint32_t)(5 + data_len));
    put(block, transport->channel);
    put(block, ins);
    put(block, p1);
    put(block, reference);
    put(block, (uint8_t)data_len);
    for (size_t i = 0; i < data_len; i++)
        put(block, FILLER);
}

static cps_error read_answer(const uint8_t *answer, size_t len, uint16_t *ret_sw, struct fail *fail)
{
    uint16_t sw;

    if (len != 2)
        return fail_set(fail, CPS_CARD_PROTOCOL, "%zu bytes from the PIN pad", len);
    sw = (uint16_t)(answer[0] << 8 | answer[1]);
    switch (sw) {
    case SW_TIMED_OUT:
        return fail_set(fail, CPS_PROMPT_TIMEOUT, "nobody typed on the reader");
    case SW_CANCELLED:
        return fail_set(fail, CPS_PROMPT_CANCELLED, "cancelled on the reader");
    case SW_DIFFERENT:
        return fail_set(fail, CPS_PIN_INVALID, "the two new PINs differ");
    case SW_WRONG_LEN:
        return fail_set(fail, CPS_PIN_INVALID, "not %d digits", PIN_LEN);
    default:
        *ret_sw = sw;
        return CPS_OK;
    }
}

static cps_error exchange(struct transport *transport, enum transport_pad feature,
                          const struct block *block, uint16_t *ret_sw, struct fail *fail)
{
    uint8_t answer[2 + 1];
    size_t len;
    cps_error error;

    if ((transport->pads & feature) == 0 || transport->ops->pad == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no keys on this reader");
    error = transport->ops->pad(transport, feature, block->bytes, block->len, answer, sizeof answer,
                                &len, fail);
    return error == CPS_OK ? read_answer(answer, len, ret_sw, fail) : error;
}

cps_error pin_pad_verify(struct transport *transport, uint8_t reference, uint16_t *ret_sw,
                         struct fail *fail)
{
    struct block block = {.len = 0};

    put_head(&block);
    put_many(&block, 2, PIN_LEN << 8 | PIN_LEN);
    put(&block, ON_VALIDATION_KEY);
    put(&block, 1); /* message */
    put_many(&block, 2, LANGUAGE_FRENCH);
    put(&block, 0);         /* its number: enter the PIN */
    put_many(&block, 3, 0); /* T=1 prologue: the reader's business */
    put_command(&block, transport, INS_VERIFY, 0, reference, PIN_LEN);
    return exchange(transport, TRANSPORT_PAD_VERIFY, &block, ret_sw, fail);
}

cps_error pin_pad_change(struct transport *transport, uint8_t p1, uint8_t reference,
                         bool with_current, uint16_t *ret_sw, struct fail *fail)
{
    struct block block = {.len = 0};
    uint8_t messages = with_current ? 3 : 2;

    put_head(&block);
    put(&block, 0);                          /* where the current PIN goes */
    put(&block, with_current ? PIN_LEN : 0); /* where the new one goes */
    put_many(&block, 2, PIN_LEN << 8 | PIN_LEN);
    put(&block, with_current ? CONFIRM_NEW | ASK_CURRENT : CONFIRM_NEW);
    put(&block, ON_VALIDATION_KEY);
    put(&block, messages);
    put_many(&block, 2, LANGUAGE_FRENCH);
    for (uint8_t i = 0; i < 3; i++) /* enter the PIN, a new one, confirm it */
        put(&block, i < messages ? (uint8_t)(i + 3 - messages) : 0);
    put_many(&block, 3, 0);
    put_command(&block, transport, INS_CHANGE, p1, reference, with_current ? 2 * PIN_LEN : PIN_LEN);
    return exchange(transport, TRANSPORT_PAD_MODIFY, &block, ret_sw, fail);
}
