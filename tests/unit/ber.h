/* SPDX-License-Identifier: Apache-2.0 */
/* Writes BER-TLV for tests. Small files only: a buffer is 1 KiB. */
#ifndef TESTS_BER_H
#define TESTS_BER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pkcs11/tlv.h"

/* An assertion that stays in every build. */
static inline void ber_need(bool truth)
{
    if (!truth)
        abort();
}

struct ber {
    size_t len;
    uint8_t data[1024];
};

static inline struct span ber_span(const struct ber *ber)
{
    return (struct span){ber->data, ber->len};
}

static inline void ber_put(struct ber *ber, const void *bytes, size_t len)
{
    ber_need(len <= sizeof ber->data - ber->len);
    memcpy(ber->data + ber->len, bytes, len);
    ber->len += len;
}

/* One object with one-byte tag; nested objects are written into a struct ber of their own. */
static inline void ber_object(struct ber *ber, uint8_t tag, const void *bytes, size_t len)
{
    uint8_t head[4] = {tag, 0x82, (uint8_t)(len >> 8), (uint8_t)len};
    uint8_t brief[2] = {tag, (uint8_t)len};

    ber_put(ber, len < 0x80 ? brief : head, len < 0x80 ? sizeof brief : sizeof head);
    ber_put(ber, bytes, len);
}

static inline void ber_nest(struct ber *ber, uint8_t tag, const struct ber *inner)
{
    ber_object(ber, tag, inner->data, inner->len);
}

#define BER_LITERAL(ber, tag, literal) ber_object(ber, tag, literal, sizeof(literal) - 1)

/* A PKCS#15 object: common attributes, class attributes, type attributes in [1]. These are not
 * inlined, as their buffers would add up in the frame of one test. */
__attribute__((noinline, unused)) static void ber_p15_object(struct ber *ber,
                                                             const struct ber *common,
                                                             const struct ber *class,
                                                             const struct ber *type)
{
    struct ber sequence = {.len = 0};
    struct ber outer = {.len = 0};

    ber_nest(&outer, 0x30, type);
    ber_nest(&sequence, 0x30, common);
    ber_nest(&sequence, 0x30, class);
    ber_nest(&sequence, 0xA1, &outer);
    ber_nest(ber, 0x30, &sequence);
}

/* flags: BIT STRING content of two bytes. */
__attribute__((noinline, unused)) static void
ber_pin(struct ber *ber, const char flags[2], uint8_t auth_id, uint8_t len, uint8_t reference)
{
    struct ber common = {.len = 0};
    struct ber class = {.len = 0};
    struct ber type = {.len = 0};

    BER_LITERAL(&common, 0x0C, "Code");
    BER_LITERAL(&common, 0x03, "\x08");
    ber_object(&class, 0x04, &auth_id, 1);
    ber_object(&type, 0x03, flags, 2);
    BER_LITERAL(&type, 0x0A, "\x01");
    for (int i = 0; i < 3; i++)
        ber_object(&type, 0x02, &len, 1);
    ber_object(&type, 0x80, &reference, 1);
    ber_p15_object(ber, &common, &class, &type);
}

/* usage: BIT STRING content. auth_id 0: no PIN. */
__attribute__((noinline, unused)) static void
ber_key(struct ber *ber, uint8_t id, struct span usage, uint8_t auth_id, struct span reference)
{
    struct ber common = {.len = 0};
    struct ber class = {.len = 0};
    struct ber type = {.len = 0};

    BER_LITERAL(&common, 0x0C, "CPS_PRIV");
    BER_LITERAL(&common, 0x03, "\x07\x80");
    if (auth_id != 0)
        ber_object(&common, 0x04, &auth_id, 1);
    ber_object(&class, 0x04, &id, 1);
    ber_object(&class, 0x03, usage.data, usage.len);
    BER_LITERAL(&class, 0x03, "\x04\xB0");
    ber_object(&class, 0x02, reference.data, reference.len);
    BER_LITERAL(&type, 0x30, "");
    ber_p15_object(ber, &common, &class, &type);
}

__attribute__((noinline, unused)) static void ber_certificate(struct ber *ber, uint8_t id,
                                                              const char *label, struct span path)
{
    struct ber common = {.len = 0};
    struct ber class = {.len = 0};
    struct ber type = {.len = 0};
    struct ber octets = {.len = 0};

    ber_object(&common, 0x0C, label, strlen(label));
    BER_LITERAL(&common, 0x03, "\x08");
    ber_object(&class, 0x04, &id, 1);
    ber_object(&octets, 0x04, path.data, path.len);
    ber_nest(&type, 0x30, &octets);
    ber_p15_object(ber, &common, &class, &type);
}

/* auth_id 0: open to all. */
__attribute__((noinline, unused)) static void ber_data(struct ber *ber, const char *label,
                                                       const char *application, uint8_t auth_id,
                                                       struct span path)
{
    struct ber common = {.len = 0};
    struct ber class = {.len = 0};
    struct ber type = {.len = 0};

    ber_object(&common, 0x0C, label, strlen(label));
    BER_LITERAL(&common, 0x03, "\x08");
    if (auth_id != 0)
        ber_object(&common, 0x04, &auth_id, 1);
    ber_object(&class, 0x0C, application, strlen(application));
    ber_object(&type, 0x04, path.data, path.len);
    ber_p15_object(ber, &common, &class, &type);
}

#endif
