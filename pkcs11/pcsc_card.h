/* SPDX-License-Identifier: Apache-2.0 */
/* The card in a PC/SC reader, shared with other programs, as a transport. */
#ifndef PKCS11_PCSC_CARD_H
#define PKCS11_PCSC_CARD_H

#include "pkcs11/transport.h"

/*
 * Connects to the card that is in that reader now. The transport serves this card only: once it
 * was taken out, every call says CPS_CARD_REMOVED, even when a card is back.
 */
cps_error pcsc_card_open(const char *reader, struct transport **ret_transport, struct fail *fail);

#endif
