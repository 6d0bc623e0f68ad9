/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pcsc_error.h"

static cps_error meaning(LONG rv)
{
    switch (rv) {
    case SCARD_W_REMOVED_CARD:
    case SCARD_E_NO_SMARTCARD:
    case SCARD_E_READER_UNAVAILABLE:
    case SCARD_E_INVALID_VALUE: /* a handle whose reader was unplugged */
        return CPS_CARD_REMOVED;
    case SCARD_W_UNRESPONSIVE_CARD:
    case SCARD_W_UNPOWERED_CARD:
    case SCARD_W_UNSUPPORTED_CARD:
    case SCARD_E_PROTO_MISMATCH:
    case SCARD_E_NOT_TRANSACTED:
        return CPS_CARD_MUTE;
    case SCARD_E_SHARING_VIOLATION:
    case SCARD_W_RESET_CARD:
        return CPS_CARD_BUSY;
    case SCARD_E_UNKNOWN_READER:
    case SCARD_E_NO_READERS_AVAILABLE:
        return CPS_NO_READER;
    case SCARD_E_NO_SERVICE:
    case SCARD_E_SERVICE_STOPPED:
    case SCARD_F_COMM_ERROR:
    case SCARD_E_INVALID_HANDLE: /* of a pcscd that was restarted */
    case SCARD_W_SECURITY_VIOLATION:
        return CPS_PCSC_UNAVAILABLE;
    default:
        return CPS_CARD_PROTOCOL;
    }
}

static cps_error describe(cps_error error, LONG rv, const char *call, struct fail *fail)
{
    return fail_set(fail, error, "%s: 0x%08lX", call, (unsigned long)rv & 0xFFFFFFFFUL);
}

cps_error pcsc_fail(LONG rv, const char *call, struct fail *fail)
{
    return describe(meaning(rv), rv, call, fail);
}

cps_error pcsc_refusal(LONG rv, const char *call, struct fail *fail)
{
    cps_error error = rv == SCARD_W_SECURITY_VIOLATION ? CPS_PCSC_REFUSED : meaning(rv);

    return describe(error, rv, call, fail);
}
