/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/tlv.h"

#define TAG_BYTES_MAX    3
#define LENGTH_BYTES_MAX 3

static bool take_byte(struct span *in, uint8_t *ret_byte)
{
    if (in->len == 0)
        return false;
    *ret_byte = in->data[0];
    in->data++;
    in->len--;
    return true;
}

static bool take_tag(struct span *in, uint32_t *ret_tag)
{
    uint8_t byte;
    uint32_t tag;

    if (!take_byte(in, &byte))
        return false;
    tag = byte;
    if ((byte & 0x1F) == 0x1F) {
        unsigned n = 1;

        do {
            if (n++ == TAG_BYTES_MAX || !take_byte(in, &byte))
                return false;
            tag = tag << 8 | byte;
        } while ((byte & 0x80) != 0);
    }
    *ret_tag = tag;
    return true;
}

static bool take_length(struct span *in, size_t *ret_len)
{
    uint8_t byte;
    size_t len = 0;

    if (!take_byte(in, &byte))
        return false;
    if (byte < 0x80) {
        *ret_len = byte;
        return true;
    }
    if (byte == 0x80 || byte > 0x80 + LENGTH_BYTES_MAX)
        return false;
    for (int n = byte - 0x80; n > 0; n--) {
        if (!take_byte(in, &byte))
            return false;
        len = len << 8 | byte;
    }
    *ret_len = len;
    return true;
}

enum tlv_result tlv_next(struct span *in, struct tlv *ret_tlv)
{
    struct span rest = *in;
    struct tlv tlv;

    while (rest.len > 0 && (rest.data[0] == 0x00 || rest.data[0] == 0xFF)) {
        rest.data++;
        rest.len--;
    }
    if (rest.len == 0)
        return TLV_END;
    if (!take_tag(&rest, &tlv.tag) || !take_length(&rest, &tlv.value.len) ||
        tlv.value.len > rest.len)
        return TLV_MALFORMED;
    tlv.value.data = rest.data;
    rest.data += tlv.value.len;
    rest.len -= tlv.value.len;
    *in = rest;
    *ret_tlv = tlv;
    return TLV_FOUND;
}

bool tlv_find(struct span in, uint32_t tag, struct span *ret_value)
{
    struct tlv tlv;

    while (tlv_next(&in, &tlv) == TLV_FOUND)
        if (tlv.tag == tag) {
            *ret_value = tlv.value;
            return true;
        }
    return false;
}

bool tlv_take(struct span *in, uint32_t tag, struct span *ret_value)
{
    struct span rest = *in;
    struct tlv tlv;

    if (tlv_next(&rest, &tlv) != TLV_FOUND || tlv.tag != tag)
        return false;
    *in = rest;
    *ret_value = tlv.value;
    return true;
}

bool tlv_uint(struct span value, uint32_t *ret_number)
{
    uint32_t number = 0;

    if (value.len == 0 || value.len > 5 || (value.len == 5 && value.data[0] != 0))
        return false;
    for (size_t i = 0; i < value.len; i++)
        number = number << 8 | value.data[i];
    *ret_number = number;
    return true;
}

bool tlv_bit(struct span value, unsigned n)
{
    size_t byte = 1 + n / 8; /* the first byte counts the unused bits */

    return byte < value.len && (value.data[byte] & (0x80 >> n % 8)) != 0;
}
