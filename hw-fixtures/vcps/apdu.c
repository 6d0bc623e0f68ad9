/* SPDX-License-Identifier: Apache-2.0 */
#include "apdu.h"

static size_t le_of(uint8_t byte)
{
    return byte ? byte : LE_MAX_SHORT;
}

static uint16_t parse_t0(const uint8_t *msg, size_t n, struct apdu *a)
{
    if (n == 5) {
        a->le = le_of(msg[4]);
        return SW_OK;
    }
    if (n > 5) {
        if (msg[4] == 0 || n != 5 + (size_t)msg[4])
            return SW_WRONG_LENGTH;
        a->data = msg + 5;
        a->lc = msg[4];
    }
    return SW_OK;
}

static uint16_t parse_extended(const uint8_t *msg, size_t n, struct apdu *a)
{
    size_t first = be16(msg + 5);

    a->extended = true;
    if (n == 7) {
        a->le = first ? first : 65536;
        return SW_OK;
    }
    if (first == 0 || (n != 7 + first && n != 9 + first))
        return SW_WRONG_LENGTH;
    a->data = msg + 7;
    a->lc = first;
    if (n == 9 + first) {
        size_t le = be16(msg + 7 + first);
        a->le = le ? le : 65536;
    }
    return SW_OK;
}

static uint16_t parse_t1(const uint8_t *msg, size_t n, struct apdu *a)
{
    if (n == 4)
        return SW_OK;
    if (n == 5) {
        a->le = le_of(msg[4]);
        return SW_OK;
    }
    if (msg[4] == 0)
        return n >= 7 ? parse_extended(msg, n, a) : SW_WRONG_LENGTH;
    size_t lc = msg[4];
    if (n != 5 + lc && n != 6 + lc)
        return SW_WRONG_LENGTH;
    a->data = msg + 5;
    a->lc = lc;
    if (n == 6 + lc)
        a->le = le_of(msg[5 + lc]);
    return SW_OK;
}

uint16_t apdu_parse(const uint8_t *msg, size_t n, unsigned protocol, struct apdu *ret_apdu)
{
    if (n < 4)
        return SW_WRONG_LENGTH;
    struct apdu a = {.cla = msg[0], .ins = msg[1], .p1 = msg[2], .p2 = msg[3]};
    uint16_t sw = protocol == 0 ? parse_t0(msg, n, &a) : parse_t1(msg, n, &a);
    if (sw == SW_OK)
        *ret_apdu = a;
    return sw;
}
