/* SPDX-License-Identifier: Apache-2.0 */
#include "util.h"

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool hex_decode(const char *text, uint8_t *out, size_t cap, size_t *ret_len)
{
    size_t n = 0;

    while (*text) {
        if (*text == ' ') {
            text++;
            continue;
        }
        int hi = nibble(text[0]);
        int lo = hi < 0 ? -1 : nibble(text[1]);
        if (lo < 0 || n == cap)
            return false;
        out[n++] = (uint8_t)(hi << 4 | lo);
        text += 2;
    }
    *ret_len = n;
    return true;
}

bool hex_u16(const char *text, uint16_t *ret_value)
{
    uint8_t b[2];
    size_t n;

    if (!hex_decode(text, b, sizeof(b), &n) || n != 2)
        return false;
    *ret_value = be16(b);
    return true;
}
