/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cps3.h"

#define INS_VERIFY    0x20
#define SW_TRIES      0x63C0
#define SW_TRIES_MASK 0xFFF0

/* What a status word of VERIFY says; false when it is none of its. */
static bool read_status(uint16_t sw, struct card_pin *ret_pin)
{
    struct card_pin pin = {.tries_left = CPS3_TRIES};

    if (sw == APDU_SW_PIN_BLOCKED)
        pin.tries_left = 0;
    else if ((sw & SW_TRIES_MASK) == SW_TRIES)
        pin.tries_left = sw & ~SW_TRIES_MASK;
    else if (sw != APDU_SW_OK)
        return false;
    /* A right PIN restores the counter: verified, all tries are left. */
    pin.verified = sw == APDU_SW_OK;
    pin.blocked = pin.tries_left == 0;
    *ret_pin = pin;
    return true;
}

static cps_error send_verify(struct cps3 *cps3, struct span pin, uint16_t *ret_sw,
                             struct fail *fail)
{
    struct apdu command = {.ins = INS_VERIFY, .p2 = cps3->layout.pin_reference, .data = pin};
    struct apdu_answer answer;
    cps_error error = apdu_exchange(cps3->card.transport, &command, &answer, fail);

    if (error == CPS_OK)
        *ret_sw = answer.sw;
    return error;
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

    if (error == CPS_OK && !read_status(sw, ret_pin)) {
        error = cps3_enter(cps3, fail);
        if (error == CPS_OK)
            error = send_verify(cps3, nothing, &sw, fail);
        if (error == CPS_OK && !read_status(sw, ret_pin))
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

static bool is_pin(const struct secret *pin)
{
    const uint8_t *digits = secret_data(pin);

    if (secret_len(pin) != LAYOUT_PIN_LEN)
        return false;
    for (size_t i = 0; i < LAYOUT_PIN_LEN; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    return true;
}

static cps_error wrong(cps_error error, int tries_left, struct fail *fail)
{
    fail_set(fail, error, "%d tries left", tries_left);
    fail->tries_left = tries_left;
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
    if (!read_status(sw, ret_pin))
        return apdu_refused("VERIFY", sw, fail);
    if (!ret_pin->verified)
        return wrong(ret_pin->blocked ? CPS_PIN_BLOCKED : CPS_PIN_WRONG, ret_pin->tries_left, fail);
    cps3->verified = true;
    return CPS_OK;
}

cps_error cps3_verify(struct card *card, const struct secret *pin, bool last_try,
                      struct card_pin *ret_pin, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    struct card_pin state;
    cps_error error;

    if (!is_pin(pin))
        return fail_set(fail, CPS_PIN_INVALID, "the PIN is not %d digits", LAYOUT_PIN_LEN);
    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error == CPS_OK)
        error = ask_status(cps3, &state, fail);
    if (error != CPS_OK)
        return error;
    if (state.blocked)
        return wrong(CPS_PIN_BLOCKED, 0, fail);
    if (state.tries_left == 1 && !last_try)
        return wrong(CPS_PIN_LAST_TRY, 1, fail);
    return present(cps3, pin, ret_pin, fail);
}
