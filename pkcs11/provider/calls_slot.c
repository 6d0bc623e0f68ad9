/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 section 5.5: slots, tokens, mechanisms. Answered from memory. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "pkcs11/provider/module.h"
#include "pkcs11/provider/text.h"

#define MANUFACTURER "ASIP-SANTE"
#define PIN_LENGTH   4

static const struct {
    CK_MECHANISM_TYPE type;
    unsigned use;
} mechanisms[] = {
    {CKM_RSA_PKCS, USE_RSA_PKCS},
    {CKM_RSA_PKCS_PSS, USE_RSA_PKCS_PSS},
    {CKM_SHA1_RSA_PKCS, USE_SHA1_RSA_PKCS},
    {CKM_SHA256_RSA_PKCS, USE_SHA256_RSA_PKCS},
};
#define MECHANISMS (sizeof mechanisms / sizeof mechanisms[0])

/* The usual two calls: how many there are, then the list. */
static CK_RV give_list(const CK_ULONG *values, CK_ULONG n, CK_ULONG *list, CK_ULONG *count)
{
    CK_RV rv = CKR_OK;

    if (list != NULL && *count < n)
        rv = CKR_BUFFER_TOO_SMALL;
    else if (list != NULL && n > 0)
        memcpy(list, values, n * sizeof *list);
    *count = n;
    return rv;
}

CK_RV C_GetSlotList(unsigned char token_present, CK_SLOT_ID *list, unsigned long *count)
{
    struct module *module;
    CK_SLOT_ID slots[SLOTS];
    CK_ULONG n = 0;
    CK_RV rv = token_present ? module_look(&module) : module_lock(&module);

    if (rv != CKR_OK)
        return rv;
    for (CK_SLOT_ID slot = 0; slot < SLOTS; slot++)
        if (!token_present || module->tokens[slot].present)
            slots[n++] = slot;
    rv = count != NULL ? give_list(slots, n, list, count) : CKR_ARGUMENTS_BAD;
    module_unlock();
    return rv;
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    struct module *module;
    char name[32];
    CK_RV rv = module_look(&module);

    if (rv != CKR_OK)
        return rv;
    if (slot >= SLOTS) {
        rv = CKR_SLOT_ID_INVALID;
    } else if (info == NULL) {
        rv = CKR_ARGUMENTS_BAD;
    } else {
        memset(info, 0, sizeof *info);
        snprintf(name, sizeof name, "cps-agent %lu", slot + 1);
        text_pad(info->slotDescription, sizeof info->slotDescription, name);
        text_pad(info->manufacturerID, sizeof info->manufacturerID, "cps-agent");
        info->flags = CKF_REMOVABLE_DEVICE | CKF_HW_SLOT;
        if (module->tokens[slot].present)
            info->flags |= CKF_TOKEN_PRESENT;
    }
    module_unlock();
    return rv;
}

/* The agent asks for the PIN; a program is told to log in only where its rule says so. */
/* The program never has a PIN to give, not even to a card that has one. */
static CK_FLAGS token_flags(const struct module *module, const struct token *token)
{
    const json_t *pin = json_get_object(token->json, "pin");
    int64_t tries_left = json_get_int(pin, "tries_left", -1);
    CK_FLAGS flags =
        CKF_TOKEN_INITIALIZED | CKF_WRITE_PROTECTED | CKF_PROTECTED_AUTHENTICATION_PATH;

    if (pin == NULL)
        return flags;
    flags |= CKF_USER_PIN_INITIALIZED;
    if (module->login_required)
        flags |= CKF_LOGIN_REQUIRED;
    if (json_get_bool(pin, "blocked", false))
        flags |= CKF_USER_PIN_LOCKED;
    else if (tries_left == 1)
        flags |= CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_COUNT_LOW;
    else if (tries_left == 2)
        flags |= CKF_USER_PIN_COUNT_LOW;
    return flags;
}

static void fill_token(const struct module *module, CK_SLOT_ID slot, const struct token *token,
                       CK_TOKEN_INFO *info)
{
    bool has_pin = json_get_object(token->json, "pin") != NULL;

    memset(info, 0, sizeof *info);
    text_pad(info->label, sizeof info->label, json_get_string(token->json, "label"));
    text_pad(info->manufacturerID, sizeof info->manufacturerID, MANUFACTURER);
    text_pad(info->model, sizeof info->model, json_get_string(token->json, "family"));
    text_pad(info->serialNumber, sizeof info->serialNumber, json_get_string(token->json, "serial"));
    info->flags = token_flags(module, token);
    info->ulMaxSessionCount = SESSIONS_MAX;
    info->ulMaxRwSessionCount = SESSIONS_MAX;
    sessions_count(&module->sessions, slot, &info->ulSessionCount, &info->ulRwSessionCount);
    info->ulMinPinLen = info->ulMaxPinLen = has_pin ? PIN_LENGTH : 0;
    info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
    info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
    memset(info->utcTime, ' ', sizeof info->utcTime);
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    struct module *module;
    struct token *token;
    CK_RV rv = module_look(&module);

    if (rv != CKR_OK)
        return rv;
    rv = module_token(module, slot, &token);
    if (rv == CKR_OK && info == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        fill_token(module, slot, token, info);
    module_unlock();
    return rv;
}

/* What the keys of a token do together. */
static unsigned uses_of(const struct token *token)
{
    unsigned uses = 0;

    for (size_t i = 0; i < token->n_objects; i++)
        uses |= token->objects[i].uses;
    return uses;
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, unsigned long *count)
{
    struct module *module;
    struct token *token;
    CK_MECHANISM_TYPE found[MECHANISMS];
    CK_ULONG n = 0;
    CK_RV rv = module_look(&module);

    if (rv != CKR_OK)
        return rv;
    rv = module_token(module, slot, &token);
    if (rv == CKR_OK && count == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK) {
        for (size_t i = 0; i < MECHANISMS; i++)
            if ((uses_of(token) & mechanisms[i].use) != 0)
                found[n++] = mechanisms[i].type;
        rv = give_list(found, n, list, count);
    }
    module_unlock();
    return rv;
}

static CK_RV fill_mechanism(const struct token *token, CK_MECHANISM_TYPE type,
                            CK_MECHANISM_INFO *info)
{
    CK_FLAGS flags = 0;

    for (size_t i = 0; i < MECHANISMS; i++)
        if (mechanisms[i].type == type && (uses_of(token) & mechanisms[i].use) != 0)
            flags = CKF_HW | CKF_SIGN;
    if (flags == 0)
        return CKR_MECHANISM_INVALID;
    if (type == CKM_RSA_PKCS && (uses_of(token) & USE_DECRYPT) != 0)
        flags |= CKF_DECRYPT;
    *info = (CK_MECHANISM_INFO){.flags = flags};
    for (size_t i = 0; i < token->n_objects; i++) {
        CK_ULONG bits = 8 * token->objects[i].size;

        if (bits > info->ulMaxKeySize)
            info->ulMaxKeySize = bits;
        if (bits > 0 && (info->ulMinKeySize == 0 || bits < info->ulMinKeySize))
            info->ulMinKeySize = bits;
    }
    return CKR_OK;
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info)
{
    struct module *module;
    struct token *token;
    CK_RV rv = module_look(&module);

    if (rv != CKR_OK)
        return rv;
    rv = module_token(module, slot, &token);
    if (rv == CKR_OK && info == NULL)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = fill_mechanism(token, type, info);
    module_unlock();
    return rv;
}

/*
 * Only without blocking: a program that wants to sleep until a card moves would sleep in here, out
 * of everybody's reach. NSS then asks now and then by itself.
 */
CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    struct module *module;
    CK_RV rv = module_look(&module);

    if (rv != CKR_OK)
        return rv;
    if (slot == NULL || reserved != NULL)
        rv = CKR_ARGUMENTS_BAD;
    else if ((flags & CKF_DONT_BLOCK) == 0)
        rv = CKR_FUNCTION_NOT_SUPPORTED;
    else
        rv = module_event(module, slot) ? CKR_OK : CKR_NO_EVENT;
    module_unlock();
    return rv;
}
