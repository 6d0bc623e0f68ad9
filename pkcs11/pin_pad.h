/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers with keys of their own (PC/SC 2 part 10): the PIN is typed there, put into the command by
 * the reader and never seen by any program. For the PIN of a CPS: four digits, ASCII, no padding.
 */
#ifndef PKCS11_PIN_PAD_H
#define PKCS11_PIN_PAD_H

#include <stdbool.h>

#include "pkcs11/transport.h"

/* How long the reader waits for a key. */
#define PIN_PAD_SECONDS 30

/* Control codes of a reader; 0: it has no such feature. */
struct pin_pad_features {
    uint32_t verify;
    uint32_t modify;
};

/* What the answer to CM_IOCTL_GET_FEATURE_REQUEST tells; unknown or broken entries tell nothing. */
struct pin_pad_features pin_pad_read_features(const uint8_t *answer, size_t len);

/*
 * Has the PIN typed and sent with VERIFY. *ret_sw is the card's. PROMPT_TIMEOUT, PROMPT_CANCELLED
 * or PIN_INVALID: nothing was sent to the card.
 */
cps_error pin_pad_verify(struct transport *transport, uint8_t reference, uint16_t *ret_sw,
                         struct fail *fail);

/*
 * The same with CHANGE REFERENCE DATA and this P1: a new PIN typed twice, the current one before it
 * when the command holds both.
 */
cps_error pin_pad_change(struct transport *transport, uint8_t p1, uint8_t reference,
                         bool with_current, uint16_t *ret_sw, struct fail *fail);

#endif
