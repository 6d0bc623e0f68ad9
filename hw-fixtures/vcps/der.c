/* SPDX-License-Identifier: Apache-2.0 */
#include "der.h"

#include <string.h>

void der_done(struct der *d)
{
    free(d->data);
    *d = (struct der){0};
}

static bool der_room(struct der *d, size_t n)
{
    if (d->failed || n > DER_MAX - d->len) {
        d->failed = true;
        return false;
    }
    if (d->len + n <= d->cap)
        return true;
    size_t cap = d->cap ? d->cap : 64;
    while (cap < d->len + n)
        cap *= 2;
    uint8_t *p = realloc(d->data, cap);
    if (!p) {
        d->failed = true;
        return false;
    }
    d->data = p;
    d->cap = cap;
    return true;
}

void der_put(struct der *d, const void *bytes, size_t n)
{
    if (n == 0 || !der_room(d, n))
        return;
    memcpy(d->data + d->len, bytes, n);
    d->len += n;
}

static void put_tag(struct der *d, unsigned tag)
{
    uint8_t b[3] = {(uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag};
    size_t skip = tag > 0xFFFF ? 0 : tag > 0xFF ? 1 : 2;

    der_put(d, b + skip, sizeof(b) - skip);
}

size_t der_begin(struct der *d, unsigned tag)
{
    put_tag(d, tag);
    return d->len;
}

void der_end(struct der *d, size_t mark)
{
    if (d->failed)
        return;
    size_t n = d->len - mark;
    uint8_t head[3];
    size_t head_len;

    if (n < 0x80) {
        head[0] = (uint8_t)n;
        head_len = 1;
    } else if (n < 0x100) {
        head[0] = 0x81;
        head[1] = (uint8_t)n;
        head_len = 2;
    } else {
        head[0] = 0x82;
        head[1] = hi8(n);
        head[2] = lo8(n);
        head_len = 3;
    }
    if (!der_room(d, head_len))
        return;
    memmove(d->data + mark + head_len, d->data + mark, n);
    memcpy(d->data + mark, head, head_len);
    d->len += head_len;
}

void der_tlv(struct der *d, unsigned tag, const void *value, size_t n)
{
    size_t mark = der_begin(d, tag);

    der_put(d, value, n);
    der_end(d, mark);
}

void der_text(struct der *d, unsigned tag, const char *text)
{
    der_tlv(d, tag, text, strlen(text));
}

void der_int(struct der *d, unsigned tag, unsigned value)
{
    uint8_t b[5] = {0, (uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                    (uint8_t)value};
    size_t skip = 0;

    /* Two's complement, minimal: a leading zero stays only in front of a set top bit. */
    while (skip < 4 && b[skip] == 0 && !(b[skip + 1] & 0x80))
        skip++;
    der_tlv(d, tag, b + skip, sizeof(b) - skip);
}

uint8_t *der_take(struct der *d, size_t *ret_len)
{
    if (!d->data)
        (void)der_room(d, 1); /* nothing written is still a file, an empty one */
    if (d->failed) {
        der_done(d);
        return NULL;
    }
    uint8_t *p = d->data;
    *ret_len = d->len;
    *d = (struct der){0};
    return p;
}
