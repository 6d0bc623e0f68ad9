/* SPDX-License-Identifier: Apache-2.0 */
/* Codes of CPS cards (PIN, PUK): what one may be, how it is presented, what the card says to it. */
#ifndef PKCS11_CODE_H
#define PKCS11_CODE_H

#include "base/secret.h"
#include "pkcs11/apdu.h"
#include "pkcs11/driver.h"

#define CODE_PIN_LEN   4
#define CODE_PUK_LEN   8
#define CODE_PIN_TRIES 3
#define CODE_PUK_TRIES 10

/* Exactly that many digits. */
bool code_is_digits(const struct secret *code, size_t len);

/* VERIFY, once. Without digits the card tells the state of the code, which costs no try. */
cps_error code_verify(struct transport *transport, uint8_t reference, struct span digits,
                      uint16_t *ret_sw, struct fail *fail);

/* Whether the reader has keys for both, VERIFY and change. */
bool code_pin_pad(const struct card *card);

/* VERIFY with that code, once; NULL: the PIN typed on the reader. */
cps_error code_present(struct transport *transport, uint8_t reference, const struct secret *code,
                       uint16_t *ret_sw, struct fail *fail);

/*
 * What a status word of VERIFY says; false when it is none of its. tries_max: what a right code
 * restores. verified: the card has had the code, from whomever.
 */
bool code_read_state(uint16_t sw, int tries_max, struct card_pin *ret_state);

/* That error, with the tries left. */
cps_error code_refused(cps_error error, int tries_left, struct fail *fail);

#endif
