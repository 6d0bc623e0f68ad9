/* SPDX-License-Identifier: Apache-2.0 */
/* The codes of a CPS3: their state, VERIFY, change of the PIN, unblocking with the PUK. */
#include "pkcs11/cps3.h"

#include <string.h>

#include "pkcs11/code.h"
#include "pkcs11/pin_pad.h"

#define INS_CHANGE        0x24
#define INS_RESET_COUNTER 0x2C
#define P1_NEW_PIN        0x02

/* Commands that carry codes; their status words are those of VERIFY. */
static cps_error send_code(struct cps3 *cps3, const struct apdu *command, uint16_t *ret_sw,
                           struct fail *fail)
{
    struct apdu_answer answer;
    cps_error error = apdu_exchange(cps3->card.transport, command, &answer, fail);

    if (error == CPS_OK)
        *ret_sw = answer.sw;
    return error;
}

/*
 * VERIFY without data tells the state and costs no try. A word that it cannot give means that
 * another program left the card elsewhere: enter our application and ask once more.
 */
static cps_error ask_status(struct cps3 *cps3, uint8_t reference, int tries,
                            struct card_pin *ret_pin, struct fail *fail)
{
    static const struct span nothing = {.len = 0};
    struct transport *transport = cps3->card.transport;
    uint16_t sw;
    cps_error error = cps3->in_application ? CPS_OK : cps3_enter(cps3, fail);

    if (error == CPS_OK)
        error = code_verify(transport, reference, nothing, &sw, fail);
    if (error != CPS_OK || code_read_state(sw, tries, ret_pin))
        return error;
    error = cps3_enter(cps3, fail);
    if (error == CPS_OK)
        error = code_verify(transport, reference, nothing, &sw, fail);
    if (error == CPS_OK && !code_read_state(sw, tries, ret_pin))
        error = apdu_refused("state of a code", sw, fail);
    return error;
}

static cps_error ask_once(struct cps3 *cps3, struct card_pin *ret_pin, struct fail *fail)
{
    cps_error error = cps3_need_layout(cps3, fail);

    if (error == CPS_OK && !cps3->layout.has_pin) {
        *ret_pin = (struct card_pin){.none = true, .tries_left = -1};
        return CPS_OK;
    }
    if (error == CPS_OK)
        error = ask_status(cps3, cps3->layout.pin_reference, CODE_PIN_TRIES, ret_pin, fail);
    return error;
}

static cps_error ask_pin(struct cps3 *cps3, struct card_pin *ret_pin, struct fail *fail)
{
    cps_error error;

    cps3_sync(cps3);
    error = ask_once(cps3, ret_pin, fail);
    if (error == CPS_CARD_PROTOCOL && cps3_doubt(cps3))
        error = ask_once(cps3, ret_pin, fail);
    if (error != CPS_OK)
        return error;
    cps3->verified = cps3->verified && ret_pin->verified;
    ret_pin->verified = cps3->verified;
    return CPS_OK;
}

cps_error cps3_pin_status(struct card *card, struct card_pin *ret_pin, struct fail *fail)
{
    return ask_pin((struct cps3 *)card, ret_pin, fail);
}

cps_error cps3_puk_status(struct card *card, struct card_pin *ret_puk, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    cps_error error;

    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error == CPS_OK && !cps3->layout.has_puk)
        *ret_puk = (struct card_pin){.none = true, .tries_left = -1};
    else if (error == CPS_OK)
        error = ask_status(cps3, cps3->layout.puk_reference, CODE_PUK_TRIES, ret_puk, fail);
    return error;
}

cps_error cps3_need_pin(const struct cps3 *cps3, enum key_usage usage, struct fail *fail)
{
    if (usage != USAGE_TECHNICAL && !cps3->verified)
        return fail_set(fail, CPS_PIN_REQUIRED, "no PIN since the card was last reset");
    return CPS_OK;
}

cps_error cps3_check_pin(struct cps3 *cps3, enum key_usage usage, struct fail *fail)
{
    struct card_pin pin;
    cps_error error = CPS_OK;

    if (usage != USAGE_TECHNICAL)
        error = cps3_pin_status(&cps3->card, &pin, fail);
    return error == CPS_OK ? cps3_need_pin(cps3, usage, fail) : error;
}

static cps_error not_a_pin(struct fail *fail)
{
    return fail_set(fail, CPS_PIN_INVALID, "the PIN is not %d digits", CODE_PIN_LEN);
}

/* Whether a code in this state may be presented at all. */
static cps_error check_tries(const struct card_pin *state, cps_error blocked, bool last_try,
                             struct fail *fail)
{
    if (state->blocked)
        return code_refused(blocked, 0, fail);
    if (state->tries_left == 1 && !last_try)
        return code_refused(CPS_PIN_LAST_TRY, 1, fail);
    return CPS_OK;
}

/* Makes sure that the PIN may be presented: nothing was sent of it until then. */
static cps_error ready(struct cps3 *cps3, bool last_try, struct fail *fail)
{
    struct card_pin state;
    cps_error error = ask_pin(cps3, &state, fail);

    if (error == CPS_OK && state.none)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "no PIN without contact");
    return error == CPS_OK ? check_tries(&state, CPS_PIN_BLOCKED, last_try, fail) : error;
}

/* What the card said of the PIN that it was just given. */
static cps_error judge_pin(struct cps3 *cps3, uint16_t sw, bool verified, struct card_pin *ret_pin,
                           struct fail *fail)
{
    struct card_pin pin;

    if (!code_read_state(sw, CODE_PIN_TRIES, &pin))
        return apdu_refused("presentation of the PIN", sw, fail);
    if (!pin.verified)
        return code_refused(pin.blocked ? CPS_PIN_BLOCKED : CPS_PIN_WRONG, pin.tries_left, fail);
    cps3->verified = verified;
    pin.verified = verified;
    *ret_pin = pin;
    return CPS_OK;
}

/* Presents the PIN once, whatever comes back. */
cps_error cps3_verify(struct card *card, const struct secret *pin, bool last_try,
                      struct card_pin *ret_pin, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    uint16_t sw;
    cps_error error;

    if (pin != NULL && !code_is_digits(pin, CODE_PIN_LEN))
        return not_a_pin(fail);
    error = ready(cps3, last_try, fail);
    if (error != CPS_OK)
        return error;
    cps3->verified = false;
    error = code_present(cps3->card.transport, cps3->layout.pin_reference, pin, &sw, fail);
    return error == CPS_OK ? judge_pin(cps3, sw, true, ret_pin, fail) : error;
}

static cps_error send_change(struct cps3 *cps3, const struct secret *old_pin,
                             const struct secret *new_pin, uint16_t *ret_sw, struct fail *fail)
{
    uint8_t both[2 * CODE_PIN_LEN];
    const struct apdu command = {
        .ins = INS_CHANGE, .p2 = cps3->layout.pin_reference, .data = {both, sizeof both}};
    cps_error error;

    if (old_pin == NULL)
        return pin_pad_change(cps3->card.transport, 0, cps3->layout.pin_reference, true, ret_sw,
                              fail);
    memcpy(both, secret_data(old_pin), CODE_PIN_LEN);
    memcpy(both + CODE_PIN_LEN, secret_data(new_pin), CODE_PIN_LEN);
    error = send_code(cps3, &command, ret_sw, fail);
    explicit_bzero(both, sizeof both);
    return error;
}

/* A change need not verify the PIN: when it succeeds, it leaves that as it was. */
cps_error cps3_change_pin(struct card *card, const struct secret *old_pin,
                          const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                          struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    uint16_t sw;
    bool before;
    cps_error error;

    if (old_pin != NULL &&
        (!code_is_digits(old_pin, CODE_PIN_LEN) || !code_is_digits(new_pin, CODE_PIN_LEN)))
        return not_a_pin(fail);
    error = ready(cps3, last_try, fail);
    if (error != CPS_OK)
        return error;
    before = cps3->verified;
    cps3->verified = false;
    error = send_change(cps3, old_pin, new_pin, &sw, fail);
    return error == CPS_OK ? judge_pin(cps3, sw, before, ret_pin, fail) : error;
}

/* Presents the PUK, once, when it has tries to spare. */
static cps_error present_puk(struct cps3 *cps3, const struct secret *puk, bool last_try,
                             struct fail *fail)
{
    const struct span digits = {secret_data(puk), secret_len(puk)};
    uint8_t reference = cps3->layout.puk_reference;
    struct card_pin state;
    uint16_t sw;
    cps_error error = ask_status(cps3, reference, CODE_PUK_TRIES, &state, fail);

    if (error == CPS_OK)
        error = check_tries(&state, CPS_PUK_BLOCKED, last_try, fail);
    if (error == CPS_OK)
        error = code_verify(cps3->card.transport, reference, digits, &sw, fail);
    if (error != CPS_OK)
        return error;
    if (!code_read_state(sw, CODE_PUK_TRIES, &state))
        return apdu_refused("presentation of the PUK", sw, fail);
    if (!state.verified)
        return code_refused(state.blocked ? CPS_PUK_BLOCKED : CPS_PUK_WRONG, state.tries_left,
                            fail);
    return CPS_OK;
}

static cps_error set_pin(struct cps3 *cps3, const struct secret *new_pin, struct card_pin *ret_pin,
                         struct fail *fail)
{
    const struct apdu command = {.ins = INS_RESET_COUNTER,
                                 .p1 = P1_NEW_PIN,
                                 .p2 = cps3->layout.pin_reference,
                                 .data = {secret_data(new_pin), secret_len(new_pin)}};
    uint16_t sw;
    cps_error error = send_code(cps3, &command, &sw, fail);

    if (error == CPS_OK && sw != APDU_SW_OK)
        error = apdu_refused("unblocking", sw, fail);
    if (error == CPS_OK)
        *ret_pin = (struct card_pin){.tries_left = CODE_PIN_TRIES};
    return error;
}

/*
 * A card that has seen its PUK gives everybody a new PIN until it is reset: it is, whatever became
 * of the unblocking, which a reset that fails does not undo.
 */
cps_error cps3_unblock_pin(struct card *card, const struct secret *puk,
                           const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                           struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    struct fail ignored = FAIL_INIT;
    cps_error error;

    if (!code_is_digits(puk, CODE_PUK_LEN))
        return fail_set(fail, CPS_PIN_INVALID, "the PUK is not %d digits", CODE_PUK_LEN);
    if (!code_is_digits(new_pin, CODE_PIN_LEN))
        return not_a_pin(fail);
    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error == CPS_OK && !cps3->layout.has_puk)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "no PUK on this card");
    if (error == CPS_OK)
        error = present_puk(cps3, puk, last_try, fail);
    if (error != CPS_OK)
        return error;
    error = set_pin(cps3, new_pin, ret_pin, fail);
    (void)cps3->card.transport->ops->reset(cps3->card.transport, &ignored);
    return error;
}
