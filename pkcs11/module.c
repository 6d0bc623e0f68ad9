/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/module.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/confine.h"
#include "base/log.h"
#include "base/util.h"

/* Aids of modules that write calls, data or PINs to a file or a terminal. */
static const char *const debug_variables[] = {
    "OPENSC_DEBUG",     "PKCS11SPY",        "PKCS11SPY_OUTPUT",  "P11_KIT_DEBUG",
    "P11_KIT_STRICT",   "PKCS11_PROXY_LOG", "LIBPCSCLITE_DEBUG", "PCSCLITE_DEBUG",
    "MUSCLECARD_DEBUG", "CK_TRACE",         "CRYPTOLIB_TRACE",
};

/* Whether somebody else than root and the user could put other code there. */
static bool is_ours_alone(const struct stat *st)
{
    bool owner = st->st_uid == 0 || st->st_uid == geteuid();
    bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;

    return owner && ((st->st_mode & (S_IWGRP | S_IWOTH)) == 0 || sticky);
}

/* Each directory above a path without symbolic links. */
static cps_error check_directories(char *path, struct fail *fail)
{
    struct stat st;

    for (char *end = strrchr(path, '/'); end != NULL; end = strrchr(path, '/')) {
        *end = '\0';
        if (stat(*path != '\0' ? path : "/", &st) < 0)
            return fail_set(fail, CPS_CONFIGURATION, "[card] module: %s: %s", path,
                            strerror(errno));
        if (!is_ours_alone(&st))
            return fail_set(fail, CPS_CONFIGURATION,
                            "[card] module: others may change the directory %s", path);
    }
    return CPS_OK;
}

static cps_error check_file(const char *path, struct fail *fail)
{
    AUTO_FREE char *real = NULL;
    struct stat st;

    if (path[0] != '/')
        return fail_set(fail, CPS_CONFIGURATION, "[card] module: not an absolute path");
    real = realpath(path, NULL);
    if (real == NULL || stat(real, &st) < 0)
        return fail_set(fail, CPS_CONFIGURATION, "[card] module: %s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail_set(fail, CPS_CONFIGURATION, "[card] module: %s is not a file", path);
    if (!is_ours_alone(&st))
        return fail_set(fail, CPS_CONFIGURATION,
                        "[card] module: others than root and the user may change %s", path);
    return check_directories(real, fail);
}

static cps_error confine(const char *path, const char *writes, struct fail *fail)
{
    static bool done;
    bool held;

    if (done)
        return CPS_OK;
    if (!log_take_output())
        return fail_set(fail, CPS_INTERNAL, "no place for the module's output: %s",
                        strerror(errno));
    for (size_t i = 0; i < sizeof debug_variables / sizeof debug_variables[0]; i++)
        unsetenv(debug_variables[i]);
    held = confine_writes(writes);
    done = true;
    log_info("%s: loaded without network and programs; its output and debug variables are "
             "dropped; it may write %s%s",
             path,
             !held            ? "where the user may"
             : writes != NULL ? "beneath "
                              : "nowhere",
             held && writes != NULL ? writes : "");
    return CPS_OK;
}

/* All that a card needs; C_SetPIN, C_InitPIN and the two of decryption may be missing. */
static bool is_complete(const CK_FUNCTION_LIST *f)
{
    return f->version.major == 2 && f->C_Initialize != NULL && f->C_Finalize != NULL &&
           f->C_GetSlotList != NULL && f->C_GetSlotInfo != NULL && f->C_GetTokenInfo != NULL &&
           f->C_GetMechanismList != NULL && f->C_GetMechanismInfo != NULL &&
           f->C_OpenSession != NULL && f->C_CloseSession != NULL && f->C_Login != NULL &&
           f->C_Logout != NULL && f->C_GetAttributeValue != NULL && f->C_FindObjectsInit != NULL &&
           f->C_FindObjects != NULL && f->C_FindObjectsFinal != NULL && f->C_SignInit != NULL &&
           f->C_Sign != NULL;
}

static cps_error open_library(struct module *module, const char *path, struct fail *fail)
{
    CK_C_GetFunctionList get = NULL;
    CK_FUNCTION_LIST *list = NULL;
    void *symbol;
    CK_RV rv;

    module->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (module->library == NULL)
        return fail_set(fail, CPS_CONFIGURATION, "[card] module: %s", dlerror());
    symbol = dlsym(module->library, "C_GetFunctionList");
    if (symbol == NULL)
        return fail_set(fail, CPS_CONFIGURATION, "[card] module: %s is not a PKCS#11 module", path);
    memcpy(&get, &symbol, sizeof get); /* ISO C has no other way from one pointer to the other */
    rv = get(&list);
    if (rv != CKR_OK)
        return module_fail(rv, "C_GetFunctionList", fail);
    if (list == NULL || !is_complete(list))
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "%s lacks functions of PKCS#11 version 2",
                        path);
    module->functions = *list;
    return CPS_OK;
}

static cps_error initialize(struct module *module, struct fail *fail)
{
    CK_RV rv = module->functions.C_Initialize(NULL);

    if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED)
        return CPS_OK;
    return module_fail(rv, "C_Initialize", fail);
}

cps_error module_restart(struct module *module, struct fail *fail)
{
    (void)module->functions.C_Finalize(NULL);
    return initialize(module, fail);
}

cps_error module_load(const char *path, const char *writes, struct module **ret_module,
                      struct fail *fail)
{
    AUTO_FREE struct module *module = NULL;
    cps_error error = check_file(path, fail);

    if (error == CPS_OK)
        error = confine(path, writes, fail);
    if (error != CPS_OK)
        return error;
    module = calloc(1, sizeof *module);
    if (module == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    error = open_library(module, path, fail);
    if (error == CPS_OK)
        error = initialize(module, fail);
    if (error == CPS_OK)
        *ret_module = TAKE_PTR(module);
    return error;
}

void module_free(struct module *module)
{
    if (module == NULL)
        return;
    (void)module->functions.C_Finalize(NULL);
    free(module);
}

/* The first call makes some modules look again; its count is not believed. */
cps_error module_slots(struct module *module, CK_SLOT_ID slots[MODULE_SLOTS_MAX], size_t *ret_n,
                       struct fail *fail)
{
    CK_ULONG n = 0;
    CK_RV rv = module->functions.C_GetSlotList(CK_TRUE, NULL, &n);

    if (rv == CKR_OK) {
        n = MODULE_SLOTS_MAX;
        rv = module->functions.C_GetSlotList(CK_TRUE, slots, &n);
    }
    if (rv != CKR_OK)
        return module_fail(rv, "C_GetSlotList", fail);
    if (n > MODULE_SLOTS_MAX)
        return fail_set(fail, CPS_CARD_PROTOCOL, "C_GetSlotList: %lu slots", n);
    *ret_n = n;
    return CPS_OK;
}
