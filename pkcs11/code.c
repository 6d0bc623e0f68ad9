/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/code.h"

#include "pkcs11/pin_pad.h"

#define INS_VERIFY    0x20
#define SW_TRIES      0x63C0
#define SW_TRIES_MASK 0xFFF0

bool code_is_digits(const struct secret *code, size_t len)
{
    const uint8_t *digits = secret_data(code);

    if (secret_len(code) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    return true;
}

cps_error code_verify(struct transport *transport, uint8_t reference, struct span digits,
                      uint16_t *ret_sw, struct fail *fail)
{
    struct apdu command = {.ins = INS_VERIFY, .p2 = reference, .data = digits};
    struct apdu_answer answer;
    cps_error error = apdu_exchange(transport, &command, &answer, fail);

    if (error == CPS_OK)
        *ret_sw = answer.sw;
    return error;
}

bool code_pin_pad(const struct card *card)
{
    return card->transport->pads == (TRANSPORT_PAD_VERIFY | TRANSPORT_PAD_MODIFY);
}

cps_error code_present(struct transport *transport, uint8_t reference, const struct secret *code,
                       uint16_t *ret_sw, struct fail *fail)
{
    if (code == NULL)
        return pin_pad_verify(transport, reference, ret_sw, fail);
    return code_verify(transport, reference, (struct span){secret_data(code), secret_len(code)},
                       ret_sw, fail);
}

bool code_read_state(uint16_t sw, int tries_max, struct card_pin *ret_state)
{
    struct card_pin state = {.tries_left = tries_max};

    if (sw == APDU_SW_PIN_BLOCKED)
        state.tries_left = 0;
    else if ((sw & SW_TRIES_MASK) == SW_TRIES)
        state.tries_left = sw & ~SW_TRIES_MASK;
    else if (sw != APDU_SW_OK)
        return false;
    /* A right code restores its counter: verified, all tries are left. */
    state.verified = sw == APDU_SW_OK;
    state.blocked = state.tries_left == 0;
    *ret_state = state;
    return true;
}

cps_error code_refused(cps_error error, int tries_left, struct fail *fail)
{
    fail_set(fail, error, "%d tries left", tries_left);
    fail->tries_left = tries_left;
    return error;
}
