/* SPDX-License-Identifier: Apache-2.0 */
/* PIN and PUK of a CPS4. */
#include "base/util.h"
#include "pkcs11/code.h"
#include "pkcs11/cps4.h"
#include "pkcs11/pin_pad.h"

#define INS_CHANGE      0x24
#define INS_RESET_RETRY 0x2C
#define P1_NEW_ALONE    0x01 /* the old PIN, or the PUK, was presented before */
#define P1_TRIES_ALONE  0x03
#define REF_LOCAL       0x80

static const struct span nothing = {.len = 0};

static struct span digits_of(const struct secret *code)
{
    return (struct span){secret_data(code), secret_len(code)};
}

/*
 * VERIFY without data tells the state and costs no try. A word that it cannot give means that
 * another program left the card elsewhere: enter our application and ask once more.
 */
static cps_error ask_state(struct cps4 *cps4, uint8_t reference, int tries_max,
                           struct card_pin *ret_state, struct fail *fail)
{
    uint16_t sw;
    cps_error error = code_verify(cps4->card.transport, reference, nothing, &sw, fail);

    if (error == CPS_OK && !code_read_state(sw, tries_max, ret_state)) {
        error = cps4_enter(cps4, fail);
        if (error == CPS_OK)
            error = code_verify(cps4->card.transport, reference, nothing, &sw, fail);
        if (error == CPS_OK && !code_read_state(sw, tries_max, ret_state))
            error = apdu_refused("state of a code", sw, fail);
    }
    return error;
}

static cps_error ask_once(struct cps4 *cps4, struct card_pin *ret_pin, struct fail *fail)
{
    cps_error error = cps4_need_layout(cps4, fail);

    return error == CPS_OK
               ? ask_state(cps4, cps4->layout.pin_reference, CODE_PIN_TRIES, ret_pin, fail)
               : error;
}

static cps_error ask_pin(struct cps4 *cps4, struct card_pin *ret_pin, struct fail *fail)
{
    cps_error error;

    cps4_sync(cps4);
    error = ask_once(cps4, ret_pin, fail);
    if (error == CPS_CARD_PROTOCOL && cps4_doubt(cps4))
        error = ask_once(cps4, ret_pin, fail);
    if (error == CPS_OK)
        cps4->verified = cps4->verified && ret_pin->verified;
    return error;
}

cps_error cps4_pin_status(struct card *card, struct card_pin *ret_pin, struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    struct card_pin pin;
    cps_error error = ask_pin(cps4, &pin, fail);

    if (error != CPS_OK)
        return error;
    pin.verified = cps4->verified;
    *ret_pin = pin;
    return CPS_OK;
}

cps_error cps4_puk_status(struct card *card, struct card_pin *ret_puk, struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    cps_error error;

    cps4_sync(cps4);
    error = cps4_need_layout(cps4, fail);
    if (error == CPS_OK && !cps4->layout.has_puk)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "no PUK on this card");
    if (error == CPS_OK)
        error = ask_state(cps4, cps4->layout.puk_reference, CODE_PUK_TRIES, ret_puk, fail);
    return error;
}

/* Whether a code in that state may be presented. */
static cps_error may_present(const struct card_pin *state, bool last_try, cps_error blocked,
                             struct fail *fail)
{
    if (state->blocked)
        return code_refused(blocked, 0, fail);
    if (state->tries_left == 1 && !last_try)
        return code_refused(CPS_PIN_LAST_TRY, 1, fail);
    return CPS_OK;
}

/* Presents a code: the only place that does, and it does it once. */
static cps_error present(struct cps4 *cps4, uint8_t reference, int tries_max,
                         const struct secret *code, struct card_pin *ret_state, struct fail *fail)
{
    uint16_t sw;
    cps_error error = code_present(cps4->card.transport, reference, code, &sw, fail);

    if (error == CPS_OK && !code_read_state(sw, tries_max, ret_state))
        error = apdu_refused("VERIFY", sw, fail);
    return error;
}

/* Asks for the state, then presents the PIN if that may be. */
static cps_error present_pin(struct cps4 *cps4, const struct secret *pin, bool last_try,
                             struct card_pin *ret_pin, struct fail *fail)
{
    struct card_pin state;
    cps_error error = ask_pin(cps4, &state, fail);

    if (error == CPS_OK)
        error = may_present(&state, last_try, CPS_PIN_BLOCKED, fail);
    if (error != CPS_OK)
        return error;
    cps4->verified = false;
    error = present(cps4, cps4->layout.pin_reference, CODE_PIN_TRIES, pin, &state, fail);
    if (error != CPS_OK)
        return error;
    if (!state.verified)
        return code_refused(state.blocked ? CPS_PIN_BLOCKED : CPS_PIN_WRONG, state.tries_left,
                            fail);
    cps4->verified = true;
    *ret_pin = state;
    return CPS_OK;
}

static cps_error check_form(const struct secret *code, size_t len, struct fail *fail)
{
    if (code == NULL || code_is_digits(code, len)) /* the reader sees to what is typed on it */
        return CPS_OK;
    return fail_set(fail, CPS_PIN_INVALID, "not %zu digits", len);
}

cps_error cps4_verify(struct card *card, const struct secret *pin, bool last_try,
                      struct card_pin *ret_pin, struct fail *fail)
{
    cps_error error = check_form(pin, CODE_PIN_LEN, fail);

    if (error == CPS_OK)
        error = present_pin((struct cps4 *)card, pin, last_try, ret_pin, fail);
    return error;
}

/* The same, typed on the reader. */
static cps_error replace_on_pad(struct cps4 *cps4, struct fail *fail)
{
    uint16_t sw;
    cps_error error = pin_pad_change(cps4->card.transport, P1_NEW_ALONE, cps4->layout.pin_reference,
                                     false, &sw, fail);

    if (error == CPS_OK && sw != APDU_SW_OK)
        error = apdu_refused("change of the PIN", sw, fail);
    return error;
}

/* The new PIN, once the old one or the PUK has been presented. */
static cps_error replace(struct cps4 *cps4, const struct secret *new_pin, struct fail *fail)
{
    struct apdu change = {.ins = INS_CHANGE,
                          .p1 = P1_NEW_ALONE,
                          .p2 = cps4->layout.pin_reference,
                          .data = digits_of(new_pin)};
    struct apdu_answer answer;

    return cps4_command(cps4, "change of the PIN", &change, &answer, fail);
}

cps_error cps4_change_pin(struct card *card, const struct secret *old_pin,
                          const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                          struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    struct card_pin pin;
    cps_error error = check_form(old_pin, CODE_PIN_LEN, fail);

    if (error == CPS_OK)
        error = check_form(new_pin, CODE_PIN_LEN, fail);
    if (error == CPS_OK)
        error = present_pin(cps4, old_pin, last_try, &pin, fail);
    if (error == CPS_OK)
        error = new_pin != NULL ? replace(cps4, new_pin, fail) : replace_on_pad(cps4, fail);
    if (error == CPS_OK)
        *ret_pin = pin;
    return error;
}

/* The PUK's rights, until a reset: the tries back, then the new PIN. */
static cps_error restore(struct cps4 *cps4, const struct secret *new_pin, struct fail *fail)
{
    struct apdu tries = {
        .ins = INS_RESET_RETRY, .p1 = P1_TRIES_ALONE, .p2 = cps4->layout.pin_reference | REF_LOCAL};
    struct apdu_answer answer;
    cps_error error = cps4_command(cps4, "tries of the PIN", &tries, &answer, fail);

    return error == CPS_OK ? replace(cps4, new_pin, fail) : error;
}

static cps_error present_puk(struct cps4 *cps4, const struct secret *puk, bool last_try,
                             struct fail *fail)
{
    uint8_t reference = cps4->layout.puk_reference;
    struct card_pin state;
    cps_error error = ask_state(cps4, reference, CODE_PUK_TRIES, &state, fail);

    if (error == CPS_OK)
        error = may_present(&state, last_try, CPS_PUK_BLOCKED, fail);
    if (error == CPS_OK)
        error = present(cps4, reference, CODE_PUK_TRIES, puk, &state, fail);
    if (error == CPS_OK && !state.verified)
        error =
            code_refused(state.blocked ? CPS_PUK_BLOCKED : CPS_PUK_WRONG, state.tries_left, fail);
    return error;
}

/*
 * However it ends, no other program must find the PUK presented: the card is reset. When it cannot
 * be, it has gone, and what was done stays done.
 */
cps_error cps4_unblock_pin(struct card *card, const struct secret *puk,
                           const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                           struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    struct fail ignored = FAIL_INIT;
    cps_error error = check_form(puk, CODE_PUK_LEN, fail);

    if (error == CPS_OK)
        error = check_form(new_pin, CODE_PIN_LEN, fail);
    if (error != CPS_OK)
        return error;
    cps4_sync(cps4);
    error = cps4_need_layout(cps4, fail);
    if (error == CPS_OK && !cps4->layout.has_puk)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "the card tells of no PUK");
    if (error == CPS_OK)
        error = present_puk(cps4, puk, last_try, fail);
    if (error != CPS_OK)
        return error;
    error = restore(cps4, new_pin, fail);
    (void)cps4->card.transport->ops->reset(cps4->card.transport, &ignored);
    cps4_sync(cps4);
    if (error == CPS_OK)
        *ret_pin = (struct card_pin){.tries_left = CODE_PIN_TRIES};
    return error;
}
