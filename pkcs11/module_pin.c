/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PIN through a module. PKCS#11 does not count tries: it says that one is left, or none, or
 * that a wrong one was given; anything else is -1.
 */
#include <stdint.h>

#include "pkcs11/module_card.h"

/* The three flags of one code: the user's, or the security officer's, which is the PUK. */
struct tries_flags {
    CK_FLAGS last;
    CK_FLAGS locked;
};

static const struct tries_flags of_pin = {CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED};
static const struct tries_flags of_puk = {CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED};

static int tries_left(const struct module_card *card, const struct tries_flags *of)
{
    if ((card->flags & of->locked) != 0)
        return 0;
    return (card->flags & of->last) != 0 ? 1 : -1;
}

/* PKCS#11 has no const: a module that changes a PIN it was lent only harms itself. */
static CK_UTF8CHAR *borrowed(const struct secret *secret)
{
    const uint8_t *data = secret_data(secret);

    return (CK_UTF8CHAR *)(uintptr_t)data;
}

static void describe(const struct module_card *card, struct card_pin *ret_pin)
{
    *ret_pin = (struct card_pin){.none = (card->flags & CKF_LOGIN_REQUIRED) == 0,
                                 .tries_left = tries_left(card, &of_pin),
                                 .verified = card->verified};
    ret_pin->blocked = ret_pin->tries_left == 0;
}

/* A module may know that the user is not logged in any more, whoever did it. */
static void check_session(struct module_card *card)
{
    CK_SESSION_INFO info = {.state = CKS_RO_USER_FUNCTIONS};

    if (!card->verified || card->module->functions.C_GetSessionInfo == NULL ||
        card->module->functions.C_GetSessionInfo(card->session, &info) != CKR_OK)
        return;
    card->verified = info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS;
}

cps_error module_pin_status(struct card *self, struct card_pin *ret_pin, struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    cps_error error = module_sync(card, fail);

    if (error == CPS_OK)
        error = module_read_token(card, card->slot, fail);
    if (error != CPS_OK)
        return error;
    check_session(card);
    describe(card, ret_pin);
    return CPS_OK;
}

static cps_error count(cps_error error, int left, struct fail *fail)
{
    fail_set(fail, error, left < 0 ? "tries left: unknown" : "%d tries left", left);
    fail->tries_left = left;
    return error;
}

/* Limits that make no sense are no limits. */
static bool fits(const struct module_card *card, const struct secret *code)
{
    bool sane = card->pin_max != CK_UNAVAILABLE_INFORMATION && card->pin_min <= card->pin_max &&
                card->pin_max > 0;

    return secret_len(code) > 0 &&
           (!sane || (secret_len(code) >= card->pin_min && secret_len(code) <= card->pin_max));
}

/* Before a code is presented: whether one may be. */
static cps_error admit(struct module_card *card, const struct tries_flags *of, bool last_try,
                       struct fail *fail)
{
    bool is_puk = of == &of_puk;
    cps_error error = module_sync(card, fail);

    if (error == CPS_OK)
        error = module_read_token(card, card->slot, fail);
    if (error != CPS_OK)
        return error;
    if (tries_left(card, of) == 0)
        return count(is_puk ? CPS_PUK_BLOCKED : CPS_PIN_BLOCKED, 0, fail);
    if (tries_left(card, of) == 1 && !last_try)
        return count(CPS_PIN_LAST_TRY, 1, fail);
    return CPS_OK;
}

/* What became of a code that was presented. Wrong ones carry the tries left, told anew. */
static cps_error refused(struct module_card *card, CK_RV rv, const char *call,
                         const struct tries_flags *of, struct fail *fail)
{
    struct fail ignored = FAIL_INIT;
    bool is_puk = of == &of_puk;
    cps_error error = module_trouble(card, rv, call, fail);

    if (error != CPS_PIN_WRONG && error != CPS_PIN_BLOCKED)
        return error;
    if (module_read_token(card, card->slot, &ignored) != CPS_OK)
        card->flags &= ~(of->last | of->locked);
    if (error == CPS_PIN_BLOCKED || tries_left(card, of) == 0)
        return count(is_puk ? CPS_PUK_BLOCKED : CPS_PIN_BLOCKED, 0, fail);
    return count(is_puk ? CPS_PUK_WRONG : CPS_PIN_WRONG, tries_left(card, of), fail);
}

/*
 * The only place where the PIN is presented for itself, and it does it once. The user is logged out
 * first: a login that the module takes as made already would prove nothing.
 */
cps_error module_verify(struct card *self, const struct secret *pin, bool last_try,
                        struct card_pin *ret_pin, struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    cps_error error = admit(card, &of_pin, last_try, fail);
    CK_RV rv;

    if (error != CPS_OK)
        return error;
    if (pin != NULL && !fits(card, pin))
        return fail_set(fail, CPS_PIN_INVALID, "a PIN has %lu to %lu characters here",
                        card->pin_min, card->pin_max);
    module_forget_pin(card);
    rv =
        card->module->functions.C_Login(card->session, CKU_USER, pin != NULL ? borrowed(pin) : NULL,
                                        pin != NULL ? secret_len(pin) : 0);
    if (rv != CKR_OK)
        return refused(card, rv, "C_Login", &of_pin, fail);
    card->verified = true;
    error = module_check_undisturbed(card, fail);
    if (error == CPS_OK)
        error = module_read_token(card, card->slot, fail);
    if (error == CPS_OK)
        describe(card, ret_pin);
    return error;
}

static cps_error set_pin(struct module_card *card, const struct secret *old_pin,
                         const struct secret *new_pin, struct fail *fail)
{
    CK_SESSION_HANDLE session;
    cps_error error = module_open_session(card, CKF_RW_SESSION, &session, fail);
    CK_RV rv;

    if (error != CPS_OK)
        return error;
    if (old_pin == NULL)
        rv = card->module->functions.C_SetPIN(session, NULL, 0, NULL, 0);
    else
        rv = card->module->functions.C_SetPIN(session, borrowed(old_pin), secret_len(old_pin),
                                              borrowed(new_pin), secret_len(new_pin));
    (void)card->module->functions.C_CloseSession(session);
    return rv == CKR_OK ? CPS_OK : refused(card, rv, "C_SetPIN", &of_pin, fail);
}

cps_error module_change_pin(struct card *self, const struct secret *old_pin,
                            const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                            struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    cps_error error;

    if (card->module->functions.C_SetPIN == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "the module has no C_SetPIN");
    error = admit(card, &of_pin, last_try, fail);
    if (error != CPS_OK)
        return error;
    if (old_pin != NULL && (!fits(card, old_pin) || !fits(card, new_pin)))
        return fail_set(fail, CPS_PIN_INVALID, "a PIN has %lu to %lu characters here",
                        card->pin_min, card->pin_max);
    error = set_pin(card, old_pin, new_pin, fail);
    if (error == CPS_OK)
        error = module_read_token(card, card->slot, fail);
    if (error == CPS_OK)
        describe(card, ret_pin);
    return error;
}

/* As the security officer, whose PIN is the PUK. */
static cps_error init_pin(struct module_card *card, CK_SESSION_HANDLE session,
                          const struct secret *puk, const struct secret *new_pin, struct fail *fail)
{
    CK_FUNCTION_LIST *f = &card->module->functions;
    CK_RV rv = f->C_Login(session, CKU_SO, borrowed(puk), secret_len(puk));

    if (rv != CKR_OK)
        return refused(card, rv, "C_Login, security officer", &of_puk, fail);
    rv = f->C_InitPIN(session, borrowed(new_pin), secret_len(new_pin));
    (void)f->C_Logout(session);
    return rv == CKR_OK ? CPS_OK : module_trouble(card, rv, "C_InitPIN", fail);
}

/*
 * No other session may be open meanwhile. Afterwards the module is started anew: one was seen to
 * keep the card locked when it refuses C_InitPIN.
 */
static cps_error unblock(struct module_card *card, const struct secret *puk,
                         const struct secret *new_pin, struct fail *fail)
{
    CK_SESSION_HANDLE session;
    struct fail again = FAIL_INIT;
    cps_error error;

    module_forget_pin(card);
    (void)card->module->functions.C_CloseSession(card->session);
    card->has_session = false;
    error = module_open_session(card, CKF_RW_SESSION, &session, fail);
    if (error == CPS_OK) {
        error = init_pin(card, session, puk, new_pin, fail);
        (void)card->module->functions.C_CloseSession(session);
    }
    if (module_find_again(card, &again) == CPS_OK || error != CPS_OK)
        return error;
    *fail = again;
    return again.code;
}

cps_error module_unblock_pin(struct card *self, const struct secret *puk,
                             const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                             struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    cps_error error;

    if (card->module->functions.C_InitPIN == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "the module has no C_InitPIN");
    error = admit(card, &of_puk, last_try, fail);
    if (error != CPS_OK)
        return error;
    if (!fits(card, new_pin))
        return fail_set(fail, CPS_PIN_INVALID, "a PIN has %lu to %lu characters here",
                        card->pin_min, card->pin_max);
    error = unblock(card, puk, new_pin, fail);
    return error == CPS_OK ? module_pin_status(self, ret_pin, fail) : error;
}
