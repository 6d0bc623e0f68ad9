/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PKCS#11 module of the configuration, loaded into this process: code of others. What it does
 * to the process cannot be helped, which is why the process can be killed; what it returns is
 * hostile input. A NULL where a function is missing is refused at the start.
 */
#ifndef PKCS11_MODULE_H
#define PKCS11_MODULE_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>

#include "base/fail.h"

#define MODULE_SLOTS_MAX 64

struct module {
    void *library;
    CK_FUNCTION_LIST functions; /* a copy: what was checked is what is called */
};

/*
 * Loads and initializes the module. Its file must be an absolute path to a regular file that,
 * like the directories above it, only root or the user can change: CPS_CONFIGURATION otherwise.
 * Before that the process gives up what a module has no need of: its standard output and error,
 * variables of its debugging aids, which may write PINs down, and writing files but beneath that
 * directory (which may be NULL).
 */
cps_error module_load(const char *path, const char *writes, struct module **ret_module,
                      struct fail *fail);

/* C_Finalize, C_Initialize: for a module that has lost its way. */
cps_error module_restart(struct module *module, struct fail *fail);

/* C_Finalize. The library stays mapped: many do not survive being unmapped. NULL is fine. */
void module_free(struct module *module);

/* Slots with a token, after the module was told to look for new ones. */
cps_error module_slots(struct module *module, CK_SLOT_ID slots[MODULE_SLOTS_MAX], size_t *ret_n,
                       struct fail *fail);

/*
 * The meaning of a return value other than CKR_OK, with the call's name and the value in the cause.
 * Values that may mean anything are CPS_CARD_PROTOCOL.
 */
cps_error module_fail(CK_RV rv, const char *call, struct fail *fail);

/* Whether after this value the session, or the module's idea of the card, is of no use any more. */
bool module_is_lost(CK_RV rv);

/* Whether this value may come from a card that was taken out. */
bool module_may_be_removal(CK_RV rv);

#endif
