/* SPDX-License-Identifier: Apache-2.0 */
/* EF.SN, the file that tells a card of the CPS issuer from all others, and one from another. */
#ifndef PKCS11_SERIAL_H
#define PKCS11_SERIAL_H

#include <stdbool.h>

#include "pkcs11/driver.h"
#include "pkcs11/file.h"

struct serial {
    char number[CARD_SERIAL_MAX + 1]; /* eight digits */
    char issuer[CARD_SERIAL_MAX + 1];
};

/*
 * Both look for the file once, and leave ret_serial alone when it is not there or not one of that
 * issuer's cards: *ret_found tells. They fail when the card cannot be reached.
 */

/* By its short identifier: one command, when the root applet and nothing below it is current. */
cps_error serial_read_short(struct transport *transport, struct serial *ret_serial, bool *ret_found,
                            struct fail *fail);

cps_error serial_read(struct transport *transport, file_select_fn select_path,
                      struct serial *ret_serial, bool *ret_found, struct fail *fail);

#endif
