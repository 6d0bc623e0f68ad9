/* SPDX-License-Identifier: Apache-2.0 */
/* A secret code: value, tries, uses, and whether it was presented since the last reset. */
#ifndef VCPS_PIN_H
#define VCPS_PIN_H

#include "apdu.h"

enum {
    PIN_LEN_MAX = 8,
    PIN_UNLIMITED = -1,
};

struct pin {
    uint8_t value[PIN_LEN_MAX];
    size_t len;
    unsigned tries_max, tries_left;
    int uses_left; /* PIN_UNLIMITED, or how many right presentations remain */
    bool verified;
};

void pin_init(struct pin *p, const char *value, unsigned tries, int uses);

/* VERIFY. An empty presentation asks: 9000 verified, 63Cx, 6983 blocked. A presentation of another
 * length than the code's is refused and costs no try. */
uint16_t pin_verify(struct pin *p, const uint8_t *data, size_t n);

/* CHANGE REFERENCE DATA: old then new, both of the code's length. */
uint16_t pin_change(struct pin *p, const uint8_t *data, size_t n);

/* RESET RETRY COUNTER with a new value, under another verified code. The code is not verified. */
uint16_t pin_unblock(struct pin *p, const struct pin *by, const uint8_t *data, size_t n);

/* The same in two steps: RESET RETRY COUNTER without a value, under another verified code; CHANGE
 * REFERENCE DATA with the new value alone, under the code itself or another one, verified. */
uint16_t pin_restore(struct pin *p, const struct pin *by);
uint16_t pin_replace(struct pin *p, const struct pin *by, const uint8_t *data, size_t n);

#endif
