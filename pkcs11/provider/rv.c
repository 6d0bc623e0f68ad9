/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/provider/rv.h"

CK_RV rv_of(cps_error error)
{
    switch (error) {
    case CPS_OK:
        return CKR_OK;
    case CPS_AGENT_UNAVAILABLE: /* the agent is the device, as far as a program can tell */
    case CPS_CARD_REMOVED:
    case CPS_NO_CARD:
    case CPS_NO_READER:
    case CPS_PCSC_UNAVAILABLE:
    case CPS_PCSC_REFUSED:
        return CKR_DEVICE_REMOVED;
    case CPS_DEADLINE_EXCEEDED:
    case CPS_CARD_BUSY:
    case CPS_CARD_MUTE:
    case CPS_CARD_PROTOCOL:
    case CPS_COMPONENT_FAILED:
    case CPS_SIGNATURE_INVALID:
        return CKR_DEVICE_ERROR;
    case CPS_PIN_REQUIRED:
    case CPS_INTERACTION_REQUIRED:
    case CPS_PROMPT_UNAVAILABLE:
        return CKR_USER_NOT_LOGGED_IN;
    case CPS_CANCELLED:
    case CPS_PROMPT_CANCELLED:
    case CPS_PROMPT_TIMEOUT:
    case CPS_PIN_LAST_TRY: /* the user kept it */
        return CKR_FUNCTION_CANCELED;
    case CPS_PIN_WRONG:
    case CPS_PIN_INVALID:
        return CKR_PIN_INCORRECT;
    case CPS_PIN_BLOCKED:
        return CKR_PIN_LOCKED;
    case CPS_NOT_ALLOWED:
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    case CPS_CARD_UNSUPPORTED:
        return CKR_MECHANISM_INVALID;
    case CPS_DECRYPT_FAILED:
        return CKR_ENCRYPTED_DATA_INVALID;
    case CPS_INVALID_PARAMS:
        return CKR_DATA_INVALID;
    default:
        return CKR_GENERAL_ERROR;
    }
}
