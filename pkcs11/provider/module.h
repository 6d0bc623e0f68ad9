/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of the module: its slots and sessions, behind one lock. The lock is never held while a card
 * or a person is waited for, so that no thread of the program waits for another one's signature.
 */
#ifndef PROVIDER_MODULE_H
#define PROVIDER_MODULE_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "pkcs11/provider/object.h"
#include "pkcs11/provider/session.h"

/* The same list whatever is plugged in: programs read it once. */
#define SLOTS 4

#define CARD_ID_LEN_MAX 64

/* A card in its slot. */
struct token {
    bool present;
    /* Another number for another insertion, or for another view of the same; 0: never. */
    unsigned long insertion;
    json_t *json; /* as the agent told it */
    char card_id[CARD_ID_LEN_MAX + 1];
    struct object *objects;
    size_t n_objects;
    unsigned long told; /* the insertion that C_WaitForSlotEvent spoke of; 0: of its absence */
    bool logged_in;     /* this program has called C_Login: a matter of this process alone */
};

struct module {
    bool initialized;
    struct token tokens[SLOTS];
    unsigned long last_insertion;
    bool login_required;
    bool typed_pin;
    struct sessions sessions;
};

/*
 * Takes the lock; CKR_CRYPTOKI_NOT_INITIALIZED without it when C_Initialize was not called, by this
 * very process.
 */
CK_RV module_lock(struct module **ret_module);
void module_unlock(void);

/* The same, knowing which cards are there at this moment. */
CK_RV module_look(struct module **ret_module);

CK_RV module_initialize(void);
CK_RV module_finalize(void);

/* The slot's token, or CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT. */
CK_RV module_token(struct module *module, CK_SLOT_ID slot, struct token **ret_token);

/*
 * The session and its token; the lock is taken when CKR_OK is returned. A session whose card is
 * gone says CKR_DEVICE_REMOVED, once, and then is unknown.
 */
CK_RV module_session(CK_SESSION_HANDLE handle, struct module **ret_module,
                     struct session **ret_session, struct token **ret_token);

/* The object of that handle that this program may see now, or NULL. */
struct object *module_object(const struct token *token, CK_OBJECT_HANDLE handle);
CK_OBJECT_HANDLE module_handle(const struct token *token, size_t index);

/* A slot whose token came or went since this was last asked. */
bool module_event(struct module *module, CK_SLOT_ID *ret_slot);

/*
 * Asks the agent something that may take long, without the lock, which the caller holds before and
 * after; the session is busy meanwhile, and still there when CKR_OK is returned: else it was closed
 * (CKR_SESSION_CLOSED) or the module finalized, and must not be touched. Its token may be another
 * one. params as for link_call(). *ret_text: member of the result, to be freed; member NULL: of no
 * interest.
 */
CK_RV module_ask(struct session *session, const char *method, const char *params, int timeout_ms,
                 const char *member, char **ret_text);

#endif
