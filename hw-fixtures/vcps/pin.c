/* SPDX-License-Identifier: Apache-2.0 */
#include "pin.h"

#include <string.h>

void pin_init(struct pin *p, const char *value, unsigned tries, int uses)
{
    *p = (struct pin){.len = strnlen(value, PIN_LEN_MAX),
                      .tries_max = tries,
                      .tries_left = tries,
                      .uses_left = uses};
    memcpy(p->value, value, p->len);
}

static bool blocked(const struct pin *p)
{
    return p->tries_left == 0 || p->uses_left == 0;
}

static uint16_t tries_sw(const struct pin *p)
{
    return blocked(p) ? SW_BLOCKED : (uint16_t)(SW_WRONG_PIN | (p->tries_left & 0x0F));
}

/* Compares and counts; leaves `verified` to the caller. */
static uint16_t present(struct pin *p, const uint8_t *data)
{
    if (blocked(p))
        return SW_BLOCKED;
    if (memcmp(p->value, data, p->len) != 0) {
        p->tries_left--;
        p->verified = false;
        /* The presentation that uses up the last try still answers 63C0. */
        return (uint16_t)(SW_WRONG_PIN | (p->tries_left & 0x0F));
    }
    p->tries_left = p->tries_max;
    if (p->uses_left > 0)
        p->uses_left--;
    return SW_OK;
}

uint16_t pin_verify(struct pin *p, const uint8_t *data, size_t n)
{
    if (n == 0)
        return p->verified ? SW_OK : tries_sw(p);
    if (n != p->len)
        return SW_WRONG_LENGTH;
    uint16_t sw = present(p, data);
    p->verified = sw == SW_OK;
    return sw;
}

uint16_t pin_change(struct pin *p, const uint8_t *data, size_t n)
{
    if (n != 2 * p->len)
        return SW_WRONG_LENGTH;
    uint16_t sw = present(p, data);
    if (sw == SW_OK)
        memcpy(p->value, data + p->len, p->len);
    return sw;
}

uint16_t pin_restore(struct pin *p, const struct pin *by)
{
    if (!by->verified)
        return SW_SECURITY;
    p->tries_left = p->tries_max;
    p->verified = false;
    return SW_OK;
}

uint16_t pin_replace(struct pin *p, const struct pin *by, const uint8_t *data, size_t n)
{
    if (blocked(p))
        return SW_BLOCKED;
    if (!p->verified && !by->verified)
        return SW_SECURITY;
    if (n != p->len)
        return SW_WRONG_LENGTH;
    memcpy(p->value, data, n);
    return SW_OK;
}

uint16_t pin_unblock(struct pin *p, const struct pin *by, const uint8_t *data, size_t n)
{
    if (!by->verified)
        return SW_SECURITY;
    if (n != p->len)
        return SW_WRONG_LENGTH;
    memcpy(p->value, data, n);
    return pin_restore(p, by);
}
