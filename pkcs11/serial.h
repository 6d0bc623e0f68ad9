/* SPDX-License-Identifier: Apache-2.0 */
/* EF.SN, the file that tells a card of the CPS issuer from all others, and one from another. */
#ifndef PKCS11_SERIAL_H
#define PKCS11_SERIAL_H

#include <stdbool.h>

#include "pkcs11/driver.h"
#include "pkcs11/tlv.h"

#define SERIAL_SFI      0x1C
#define SERIAL_FILE_LEN 12

struct serial {
    char number[CARD_SERIAL_MAX + 1]; /* eight digits */
    char issuer[CARD_SERIAL_MAX + 1];
};

/* False when this is no serial number of that issuer's cards. */
bool serial_parse(struct span file, struct serial *ret_serial);

#endif
