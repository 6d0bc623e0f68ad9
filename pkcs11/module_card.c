/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/module_card.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/util.h"

#define DESCRIPTION_LEN 64

/* Initial character and T0 of an ATR without contacts (PC/SC part 3, section 3.1.3.2.3). */
static const uint8_t contactless_atr[] = {0x3B, 0x80, 0x80, 0x01};

void module_text(const void *bytes, size_t len, char *out, size_t size)
{
    AUTO_JSON json_t *text = text_from_outside(bytes, len, size - 1);

    snprintf(out, size, "%s", text != NULL ? json_string_value(text) : "");
}

void module_forget_pin(struct module_card *card)
{
    card->verified = false;
    if (card->has_session)
        (void)card->module->functions.C_Logout(card->session);
}

cps_error module_trouble(struct module_card *card, CK_RV rv, const char *call, struct fail *fail)
{
    struct transport *transport = card->card.transport;

    if (module_is_lost(rv))
        card->lost = true;
    if (card->lost || rv == CKR_USER_NOT_LOGGED_IN)
        card->verified = false;
    if (module_may_be_removal(rv) && transport->ops->is_gone(transport))
        return fail_set(fail, CPS_CARD_REMOVED, "%s: 0x%lX, card taken out", call, rv);
    return module_fail(rv, call, fail);
}

cps_error module_open_session(struct module_card *card, CK_FLAGS more, CK_SESSION_HANDLE *ret,
                              struct fail *fail)
{
    CK_SESSION_HANDLE session = 0;
    CK_RV rv = card->module->functions.C_OpenSession(card->slot, CKF_SERIAL_SESSION | more, NULL,
                                                     NULL, &session);

    if (rv != CKR_OK)
        return module_trouble(card, rv, "C_OpenSession", fail);
    *ret = session;
    return CPS_OK;
}

static void close_session(struct module_card *card)
{
    if (card->has_session)
        (void)card->module->functions.C_CloseSession(card->session);
    card->has_session = false;
    card->verified = false;
}

static void read_limits(struct module_card *card, const CK_TOKEN_INFO *info)
{
    card->flags = info->flags;
    card->pin_min = info->ulMinPinLen;
    card->pin_max = info->ulMaxPinLen;
}

cps_error module_read_token(struct module_card *card, CK_SLOT_ID slot, struct fail *fail)
{
    CK_TOKEN_INFO info = {.flags = 0};
    char serial[sizeof card->serial];
    CK_RV rv = card->module->functions.C_GetTokenInfo(slot, &info);

    if (rv != CKR_OK)
        return module_trouble(card, rv, "C_GetTokenInfo", fail);
    module_text(info.serialNumber, sizeof info.serialNumber, serial, sizeof serial);
    if (card->known && strcmp(serial, card->serial) != 0)
        return fail_set(fail, CPS_CARD_REMOVED, "another token in the slot");
    read_limits(card, &info);
    if (card->known)
        return CPS_OK;
    memcpy(card->serial, serial, sizeof serial);
    module_text(info.label, sizeof info.label, card->label, sizeof card->label);
    module_text(info.model, sizeof info.model, card->model, sizeof card->model);
    return CPS_OK;
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Whether the slot is the one that was meant: by its token's label, or by its reader's name. */
static bool is_wanted(struct module_card *card, CK_SLOT_ID slot)
{
    CK_SLOT_INFO slot_info = {.flags = 0};
    CK_TOKEN_INFO token_info = {.flags = 0};
    char text[CARD_LABEL_MAX + 1];
    size_t len = DESCRIPTION_LEN;
    size_t reader_len = strlen(card->reader);

    if (card->token != NULL) {
        if (card->module->functions.C_GetTokenInfo(slot, &token_info) != CKR_OK)
            return false;
        module_text(token_info.label, sizeof token_info.label, text, sizeof text);
        return strcmp(text, card->token) == 0;
    }
    if (card->module->functions.C_GetSlotInfo(slot, &slot_info) != CKR_OK)
        return false;
    while (len > 0 && slot_info.slotDescription[len - 1] == ' ')
        len--;
    return len > 0 &&
           memcmp(card->reader, slot_info.slotDescription, smaller(len, reader_len)) == 0 &&
           (len == reader_len || (len == DESCRIPTION_LEN && reader_len > len));
}

/* A session with a slot and what is in it; the slot is left when there is no key for us in it. */
static cps_error try_slot(struct module_card *card, CK_SLOT_ID slot, struct fail *fail)
{
    cps_error error = module_read_token(card, slot, fail);

    if (error != CPS_OK)
        return error;
    card->slot = slot;
    error = module_open_session(card, 0, &card->session, fail);
    if (error != CPS_OK)
        return error;
    card->has_session = true;
    error = module_read_certificates(card, fail);
    if (error != CPS_OK)
        close_session(card);
    return error;
}

/* The first of the slots meant (some modules make one for each PIN) that has a key. */
static cps_error choose_slot(struct module_card *card, struct fail *fail)
{
    CK_SLOT_ID slots[MODULE_SLOTS_MAX];
    size_t n = 0;
    cps_error error = module_slots(card->module, slots, &n, fail);

    if (error != CPS_OK)
        return error;
    error = fail_set(fail, CPS_CARD_UNSUPPORTED, "no token of the module is this card");
    for (size_t i = 0; i < n; i++) {
        if (!is_wanted(card, slots[i]))
            continue;
        error = try_slot(card, slots[i], fail);
        if (error == CPS_OK || error == CPS_CARD_REMOVED)
            return error;
    }
    return error;
}

cps_error module_find_again(struct module_card *card, struct fail *fail)
{
    cps_error error;

    close_session(card);
    card->lost = false;
    error = module_restart(card->module, fail);
    if (error == CPS_OK)
        error = choose_slot(card, fail);
    card->lost |= error != CPS_OK;
    return error;
}

cps_error module_sync(struct module_card *card, struct fail *fail)
{
    if (card->generation != card->card.transport->generation) {
        card->generation = card->card.transport->generation;
        module_forget_pin(card);
    }
    return card->lost ? module_find_again(card, fail) : CPS_OK;
}

cps_error module_check_undisturbed(struct module_card *card, struct fail *fail)
{
    struct transport *transport = card->card.transport;
    cps_error error = transport->ops->begin(transport, fail); /* holds nothing: we stepped aside */

    if (error != CPS_OK)
        return error;
    transport->ops->end(transport);
    if (card->generation == transport->generation)
        return CPS_OK;
    card->generation = transport->generation;
    module_forget_pin(card);
    return fail_set(fail, CPS_PIN_REQUIRED, "another program reset the card meanwhile");
}

static void module_identity(const struct card *self, struct card_identity *ret_identity)
{
    const struct module_card *card = (const struct module_card *)self;
    const struct transport *transport = card->card.transport;

    *ret_identity = (struct card_identity){.family = card->model, .interface = CARD_CONTACT};
    if (transport->atr_len >= sizeof contactless_atr && transport->atr[0] == contactless_atr[0] &&
        (transport->atr[1] & 0xF0) == contactless_atr[1] &&
        memcmp(transport->atr + 2, contactless_atr + 2, 2) == 0)
        ret_identity->interface = CARD_CONTACTLESS;
    memcpy(ret_identity->label, card->label, sizeof ret_identity->label);
    memcpy(ret_identity->serial, card->serial, sizeof ret_identity->serial);
}

static cps_error module_certificate(struct card *self, enum key_usage usage,
                                    struct card_certificate *ret_certificate, struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    const struct module_key *key = &card->keys[usage];

    if (key->certificate == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no certificate of this usage in the module");
    ret_certificate->certificate = key->certificate;
    memcpy(ret_certificate->label, key->label, sizeof ret_certificate->label);
    return CPS_OK;
}

static void module_logout(struct card *self)
{
    module_forget_pin((struct module_card *)self);
}

static void free_card(struct card *self)
{
    struct module_card *card = (struct module_card *)self;

    if (card == NULL)
        return;
    module_drop_certificates(card);
    if (card->module != NULL)
        close_session(card);
    module_free(card->module);
    free(card->reader);
    free(card->token);
    free(card);
}

static bool has_pin_pad(const struct card *card)
{
    return (((const struct module_card *)card)->flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
}

static const struct card_driver module_driver = {
    .name = "module",
    .identity = module_identity,
    .certificate = module_certificate,
    .pin_status = module_pin_status,
    .verify = module_verify,
    .pin_pad = has_pin_pad,
    .sign = module_sign,
    .keys = module_keys,
    .decrypt = module_decrypt,
    .change_pin = module_change_pin,
    .unblock_pin = module_unblock_pin,
    .objects = module_objects,
    .read_object = module_read_object,
    .logout = module_logout,
    .free = free_card,
};

static void cleanup_card(struct module_card **card)
{
    free_card((struct card *)*card);
}

cps_error module_card_open(const struct module_config *config, const char *reader,
                           struct transport *transport, struct card **ret_card, struct fail *fail)
{
    CLEANUP(cleanup_card) struct module_card *card = NULL;
    cps_error error;

    if (transport->ops->step_aside == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no module can drive this card");
    transport->ops->step_aside(transport);
    card = calloc(1, sizeof *card);
    if (card == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    card->card = (struct card){&module_driver, transport};
    card->generation = transport->generation;
    card->reader = strdup(reader);
    card->token = config->token != NULL ? strdup(config->token) : NULL;
    if (card->reader == NULL || (config->token != NULL && card->token == NULL))
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    error = module_load(config->path, config->writes, &card->module, fail);
    if (error == CPS_OK)
        error = choose_slot(card, fail);
    if (error != CPS_OK)
        return error;
    card->known = true;
    if (card->model[0] == '\0')
        snprintf(card->model, sizeof card->model, "PKCS#11");
    *ret_card = &TAKE_PTR(card)->card;
    return CPS_OK;
}
