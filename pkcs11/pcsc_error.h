/* SPDX-License-Identifier: Apache-2.0 */
/* What a PC/SC return value means to a user. */
#ifndef PKCS11_PCSC_ERROR_H
#define PKCS11_PCSC_ERROR_H

#include <winscard.h>

#include "base/fail.h"

/*
 * Sets fail from a return value other than SCARD_S_SUCCESS; call: the function that gave it.
 *
 * libpcsclite says SCARD_W_SECURITY_VIOLATION whenever its connection is reset. That is a refusal
 * while one connects, to pcscd or to a card (pcsc_refusal); later on it is a pcscd that died.
 */
cps_error pcsc_fail(LONG rv, const char *call, struct fail *fail);
cps_error pcsc_refusal(LONG rv, const char *call, struct fail *fail);

#endif
