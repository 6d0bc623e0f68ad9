/* SPDX-License-Identifier: Apache-2.0 */
/* A growing TLV writer. Failure is sticky: write everything, then look at `failed` once. */
#ifndef VCPS_DER_H
#define VCPS_DER_H

#include "util.h"

enum {
    DER_MAX = 32767, /* an elementary file's size is 15 bits wide, READ BINARY offsets too */
};

struct der {
    uint8_t *data;
    size_t len, cap;
    bool failed;
};

void der_done(struct der *d);
void der_put(struct der *d, const void *bytes, size_t n);

/* Opens a constructed value: writes the tag (one to three bytes); der_end() inserts the length in
 * minimal form in front of what was written since. */
size_t der_begin(struct der *d, unsigned tag);
void der_end(struct der *d, size_t mark);

void der_tlv(struct der *d, unsigned tag, const void *value, size_t n);
void der_text(struct der *d, unsigned tag, const char *text);
void der_int(struct der *d, unsigned tag, unsigned value);

/* Hands the bytes over; the writer is empty afterwards. NULL when anything failed. */
uint8_t *der_take(struct der *d, size_t *ret_len);

#endif
