/* SPDX-License-Identifier: Apache-2.0 */
/* Our own, for libjose costs a process more than all of its other start. */
#include "base/b64.h"

#include <stdlib.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t b64_encoded_len(size_t len)
{
    return len / 3 * 4 + (len % 3 * 4 + 2) / 3;
}

char *b64_encode(const void *data, size_t len)
{
    const uint8_t *bytes = data;
    char *text = calloc(1, b64_encoded_len(len) + 1);
    char *end = text;
    uint32_t bits = 0; /* the low n_bits of it wait to be written */
    unsigned n_bits = 0;

    if (text == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | bytes[i];
        for (n_bits += 8; n_bits >= 6; n_bits -= 6)
            *end++ = alphabet[bits >> (n_bits - 6) & 63];
    }
    if (n_bits > 0)
        *end = alphabet[bits << (6 - n_bits) & 63];
    return text;
}

static int value_of(char c)
{
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

    return at != NULL ? (int)(at - alphabet) : -1;
}

ptrdiff_t b64_decode(const char *text, size_t len, uint8_t *out, size_t out_size)
{
    size_t need = len / 4 * 3 + len % 4 * 3 / 4;
    uint8_t *end = out;
    uint32_t bits = 0;
    unsigned n_bits = 0;

    if (len % 4 == 1 || need > out_size)
        return -1;
    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);

        if (value < 0)
            return -1;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            *end++ = (uint8_t)(bits >> n_bits);
        }
    }
    if ((bits & ((1U << n_bits) - 1)) != 0)
        return -1;
    return (ptrdiff_t)need;
}
