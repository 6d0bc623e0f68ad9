/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER-TLV as found on cards, from hostile input: definite lengths only, nothing outside the span.
 * Contents are not checked against DER: real CPS cards hold BIT STRINGs that a DER decoder refuses.
 */
#ifndef PKCS11_TLV_H
#define PKCS11_TLV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes. */
struct span {
    const uint8_t *data;
    size_t len;
};

/* tag: its bytes as written, most significant first (0x30, 0x5F24…). */
struct tlv {
    uint32_t tag;
    struct span value;
};

enum tlv_result { TLV_END, TLV_FOUND, TLV_MALFORMED };

/*
 * Takes the next object from the front of in. Bytes 00 and FF before an object are filling (ISO
 * 7816-4 section 5.2.2.1). Malformed: a longer tag than 3 bytes, an indefinite length or one of
 * more than 3 bytes, or an object that is longer than what is left; in is then left as it was.
 */
enum tlv_result tlv_next(struct span *in, struct tlv *ret_tlv);

/* The value of the first object of that tag; false when there is none before a malformed one. */
bool tlv_find(struct span in, uint32_t tag, struct span *ret_value);

/* Takes the first object if it has that tag; otherwise takes nothing and says false. */
bool tlv_take(struct span *in, uint32_t tag, struct span *ret_value);

/* INTEGER or ENUMERATED content as an unsigned number; false beyond 32 bits or when empty. */
bool tlv_uint(struct span value, uint32_t *ret_number);

/* Bit n (0 is the first) of BIT STRING content. Bits that are not there are 0, "03 01 08" too. */
bool tlv_bit(struct span value, unsigned n);

#endif
