/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/code.h"
#include "pkcs11/cps3.h"

static cps_error send_verify(struct cps3 *cps3, struct span pin, uint16_t *ret_sw,
                             struct fail *fail)
{
    return code_verify(cps3->card.transport, cps3->layout.pin_reference, pin, ret_sw, fail);
}

/*
 * VERIFY without data tells the state and costs no try. A word that it cannot give means that
 * another program left the card elsewhere: enter our application and ask once more.
 */
static cps_error ask_status(struct cps3 *cps3, struct card_pin *ret_pin, struct fail *fail)
{
    static const struct span nothing = {.len = 0};
    uint16_t sw;
    cps_error error = send_verify(cps3, nothing, &sw, fail);

    if (error == CPS_OK && !code_read_state(sw, CODE_PIN_TRIES, ret_pin)) {
        error = cps3_enter(cps3, fail);
        if (error == CPS_OK)
            error = send_verify(cps3, nothing, &sw, fail);
        if (error == CPS_OK && !code_read_state(sw, CODE_PIN_TRIES, ret_pin))
            error = apdu_refused("PIN status", sw, fail);
    }
    if (error == CPS_OK)
        cps3->verified = cps3->verified && ret_pin->verified;
    return error;
}

cps_error cps3_pin_status(struct card *card, struct card_pin *ret_pin, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    cps_error error;

    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error == CPS_OK)
        error = ask_status(cps3, ret_pin, fail);
    if (error == CPS_OK)
        ret_pin->verified = cps3->verified;
    return error;
}

/* Presents the PIN: the only place that does, and it does it once. */
static cps_error present(struct cps3 *cps3, const struct secret *pin, struct card_pin *ret_pin,
                         struct fail *fail)
{
    struct span digits = {secret_data(pin), secret_len(pin)};
    uint16_t sw;
    cps_error error;

    cps3->verified = false;
    error = send_verify(cps3, digits, &sw, fail);
    if (error != CPS_OK)
        return error;
    if (!code_read_state(sw, CODE_PIN_TRIES, ret_pin))
        return apdu_refused("VERIFY", sw, fail);
    if (!ret_pin->verified)
        return code_refused(ret_pin->blocked ? CPS_PIN_BLOCKED : CPS_PIN_WRONG, ret_pin->tries_left,
                            fail);
    cps3->verified = true;
    return CPS_OK;
}

cps_error cps3_verify(struct card *card, const struct secret *pin, bool last_try,
                      struct card_pin *ret_pin, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    struct card_pin state;
    cps_error error;

    if (!code_is_digits(pin, CODE_PIN_LEN))
        return fail_set(fail, CPS_PIN_INVALID, "the PIN is not %d digits", CODE_PIN_LEN);
    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error == CPS_OK)
        error = ask_status(cps3, &state, fail);
    if (error != CPS_OK)
        return error;
    if (state.blocked)
        return code_refused(CPS_PIN_BLOCKED, 0, fail);
    if (state.tries_left == 1 && !last_try)
        return code_refused(CPS_PIN_LAST_TRY, 1, fail);
    return present(cps3, pin, ret_pin, fail);
}
