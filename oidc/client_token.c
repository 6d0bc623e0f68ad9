/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Engines are deprecated in OpenSSL 3, whose successor for PKCS#11 (pkcs11-provider) is not in
 * Debian 12: this file is the only one that knows of them.
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include "oidc/client_token.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <string.h>

#include "base/util.h"

#define ENGINE_NAME "pkcs11"

static void cleanup_engine(ENGINE **engine)
{
    if (*engine != NULL) {
        ENGINE_finish(*engine);
        ENGINE_free(*engine);
    }
}

static cps_error refuse(struct fail *fail, const char *why)
{
    ERR_clear_error();
    return fail_reason(fail, CPS_CONFIGURATION, "client_key", "PKCS#11 key: %s", why);
}

/* The engine asks for the PIN by OpenSSL's dialogue: nobody is there, the file answers. */
static int answer(UI *ui, UI_STRING *question)
{
    const struct secret *pin = UI_get0_user_data(ui);

    if (UI_get_string_type(question) != UIT_PROMPT || pin == NULL)
        return UI_get_string_type(question) == UIT_PROMPT ? 0 : 1;
    return UI_set_result_ex(ui, question, (const char *)secret_data(pin), (int)secret_len(pin)) >= 0
               ? 1
               : 0;
}

static int silent(UI *ui, UI_STRING *text)
{
    (void)ui;
    (void)text;
    return 1;
}

static UI_METHOD *dialogue(void)
{
    UI_METHOD *method = UI_create_method("PIN file");

    if (method == NULL || UI_method_set_reader(method, answer) != 0 ||
        UI_method_set_writer(method, silent) != 0) {
        UI_destroy_method(method);
        return NULL;
    }
    return method;
}

/* One engine a module: by_id gives a new one each time. */
static ENGINE *open_engine(const char *module)
{
    ENGINE *engine = ENGINE_by_id(ENGINE_NAME);

    if (engine == NULL)
        return NULL;
    if (ENGINE_ctrl_cmd_string(engine, "MODULE_PATH", module, 0) == 1 && ENGINE_init(engine) == 1)
        return engine;
    ENGINE_free(engine);
    return NULL;
}

cps_error client_token_load(const char *uri, const char *module, const struct secret *pin,
                            EVP_PKEY **ret_key, struct fail *fail)
{
    CLEANUP(cleanup_engine) ENGINE *engine = open_engine(module);
    UI_METHOD *method;
    EVP_PKEY *key;

    if (engine == NULL)
        return refuse(fail, "no pkcs11 engine (libengine-pkcs11-openssl), or no such module");
    method = dialogue();
    if (method == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    key = ENGINE_load_private_key(engine, uri, method, (void *)(uintptr_t)pin);
    UI_destroy_method(method);
    if (key == NULL)
        return refuse(fail, "no such token or key, or its PIN is refused");
    *ret_key = key;
    return CPS_OK;
}
