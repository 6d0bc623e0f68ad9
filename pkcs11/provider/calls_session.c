/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 section 5.6: sessions and login. */
#include <stdio.h>

#include "base/json.h"
#include "pkcs11/provider/module.h"

/* Time for a person to type a PIN, more than once. */
#define LOGIN_MS 180000

/* Nothing on a card can be written through here; a session for writing is granted all the same, as
 * programs ask for one out of habit. */
CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE *handle)
{
    struct module *module;
    struct token *token;
    struct session *session;
    CK_RV rv = module_look(&module);

    (void)application;
    (void)notify;
    if (rv != CKR_OK)
        return rv;
    if (handle == NULL)
        rv = CKR_ARGUMENTS_BAD;
    else if ((flags & CKF_SERIAL_SESSION) == 0)
        rv = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    else
        rv = module_token(module, slot, &token);
    if (rv == CKR_OK) {
        session = session_new(&module->sessions, slot, token->insertion, flags);
        if (session != NULL)
            *handle = session->handle;
        else
            rv = CKR_SESSION_COUNT;
    }
    module_unlock();
    return rv;
}

/* The last session of a program takes its login along, for this program alone. */
static void after_closing(struct module *module, CK_SLOT_ID slot)
{
    CK_ULONG all, writing;

    sessions_count(&module->sessions, slot, &all, &writing);
    if (all == 0)
        module->tokens[slot].logged_in = false;
}

/* Of a card that has gone, too. */
CK_RV C_CloseSession(CK_SESSION_HANDLE handle)
{
    struct module *module;
    struct session *session;
    CK_SLOT_ID slot;
    CK_RV rv = module_lock(&module);

    if (rv != CKR_OK)
        return rv;
    session = session_find(&module->sessions, handle);
    if (session != NULL) {
        slot = session->slot;
        session_free(&module->sessions, session);
        after_closing(module, slot);
    }
    module_unlock();
    return session != NULL ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
    struct module *module;
    CK_RV rv = module_lock(&module);

    if (rv != CKR_OK)
        return rv;
    if (slot < SLOTS) {
        sessions_close(&module->sessions, slot);
        after_closing(module, slot);
    }
    module_unlock();
    return slot < SLOTS ? CKR_OK : CKR_SLOT_ID_INVALID;
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);
    bool writing;

    if (rv != CKR_OK)
        return rv;
    if (info != NULL) {
        writing = (session->flags & CKF_RW_SESSION) != 0;
        *info = (CK_SESSION_INFO){.slotID = session->slot, .flags = session->flags};
        if (token->logged_in)
            info->state = writing ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
        else
            info->state = writing ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
    }
    module_unlock();
    return info != NULL ? CKR_OK : CKR_ARGUMENTS_BAD;
}

/*
 * The agent asks for the PIN. One that the program gives is not looked at: to accept it unchecked
 * would let a program take any four digits for a proof, so it is refused unless the rule of the
 * program says that it is to be dropped.
 */
static CK_RV check_login(const struct module *module, const struct token *token, CK_USER_TYPE user,
                         CK_ULONG pin_len)
{
    if (user == CKU_CONTEXT_SPECIFIC)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (user != CKU_USER)
        return CKR_USER_TYPE_INVALID;
    if (token->logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (pin_len == 0 || module->typed_pin)
        return CKR_OK;
    return json_get_object(token->json, "pin") != NULL ? CKR_ARGUMENTS_BAD
                                                       : CKR_USER_PIN_NOT_INITIALIZED;
}

CK_RV C_Login(CK_SESSION_HANDLE handle, CK_USER_TYPE user, unsigned char *pin, CK_ULONG pin_len)
{
    struct module *module;
    struct session *session;
    struct token *token;
    char params[CARD_ID_LEN_MAX + 32];
    unsigned long insertion;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    rv = check_login(module, token, user, pin != NULL ? pin_len : 0);
    if (rv == CKR_OK) {
        snprintf(params, sizeof params, "\"card_id\":\"%s\"", token->card_id);
        insertion = session->insertion;
        rv = module_ask(session, "pkcs11.login", params, LOGIN_MS, NULL, NULL);
        if (rv == CKR_OK && token->insertion == insertion)
            token->logged_in = true;
    }
    module_unlock();
    return rv;
}

/* Of this program; the card and the other programs do not notice. */
CK_RV C_Logout(CK_SESSION_HANDLE handle)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    rv = token->logged_in ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
    token->logged_in = false;
    module_unlock();
    return rv;
}
