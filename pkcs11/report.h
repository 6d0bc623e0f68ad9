/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a card can be asked without a PIN and says of nobody: how its files are laid out, its access
 * rules, what it answers to each command and how fast. Contents of CPS_* objects, certificates,
 * public keys and the serial number are left out, or are not even read.
 */
#ifndef PKCS11_REPORT_H
#define PKCS11_REPORT_H

#include <jansson.h>

#include "pkcs11/transport.h"

/*
 * Resets the card, then asks. Takes and leaves the card for each file, so that other programs do
 * not wait for the whole of it. The result is that of "report" in base/proto.h, and fits a packet.
 */
cps_error report_card(struct transport *transport, json_t **ret_report, struct fail *fail);

#endif
