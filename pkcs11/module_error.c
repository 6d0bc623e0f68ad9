/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/module.h"

static cps_error meaning(CK_RV rv)
{
    switch (rv) {
    case CKR_PIN_INCORRECT:
        return CPS_PIN_WRONG;
    case CKR_PIN_LOCKED:
        return CPS_PIN_BLOCKED;
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_TOO_WEAK:
        return CPS_PIN_INVALID;
    case CKR_USER_NOT_LOGGED_IN:
        return CPS_PIN_REQUIRED;
    case CKR_CANCEL:
    case CKR_FUNCTION_CANCELED:
    case CKR_FUNCTION_REJECTED:
        return CPS_PROMPT_CANCELLED;
    case CKR_FUNCTION_NOT_SUPPORTED:
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
    case CKR_KEY_TYPE_INCONSISTENT:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_USER_PIN_NOT_INITIALIZED:
    case CKR_TOKEN_WRITE_PROTECTED:
        return CPS_CARD_UNSUPPORTED;
    case CKR_DATA_INVALID:
    case CKR_DATA_LEN_RANGE:
        return CPS_INVALID_PARAMS;
    case CKR_ENCRYPTED_DATA_INVALID:
    case CKR_ENCRYPTED_DATA_LEN_RANGE:
        return CPS_DECRYPT_FAILED;
    case CKR_HOST_MEMORY:
        return CPS_INTERNAL;
    default:
        return CPS_CARD_PROTOCOL;
    }
}

cps_error module_fail(CK_RV rv, const char *call, struct fail *fail)
{
    return fail_set(fail, meaning(rv), "%s: 0x%lX", call, rv);
}

bool module_is_lost(CK_RV rv)
{
    switch (rv) {
    case CKR_DEVICE_REMOVED:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_SLOT_ID_INVALID:
    case CKR_CRYPTOKI_NOT_INITIALIZED:
    case CKR_OPERATION_ACTIVE:
    case CKR_BUFFER_TOO_SMALL: /* leaves the operation active */
        return true;
    default:
        return false;
    }
}

bool module_may_be_removal(CK_RV rv)
{
    switch (rv) {
    case CKR_GENERAL_ERROR:
    case CKR_FUNCTION_FAILED:
    case CKR_DEVICE_ERROR:
    case CKR_DEVICE_MEMORY:
    case CKR_DEVICE_REMOVED:
    case CKR_SESSION_CLOSED:
    case CKR_SESSION_HANDLE_INVALID:
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_TOKEN_NOT_RECOGNIZED:
    case CKR_SLOT_ID_INVALID:
        return true;
    default:
        return false;
    }
}
