/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 section 5.9: decryption, in one part. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/util.h"
#include "pkcs11/provider/module.h"

#define DECRYPT_MS 120000
#define PARAMS_MAX 2048
#define INPUT_MAX  1024

/* Bytes that PKCS#1 v1.5 takes at least for itself. */
#define PADDING_MIN 11

static CK_RV check_key(const struct module *module, const struct token *token,
                       const struct object *key, const CK_MECHANISM *mechanism)
{
    if (mechanism->mechanism != CKM_RSA_PKCS)
        return CKR_MECHANISM_INVALID;
    if (mechanism->ulParameterLen != 0)
        return CKR_MECHANISM_PARAM_INVALID;
    if (key == NULL || key->class != CKO_PRIVATE_KEY)
        return CKR_KEY_HANDLE_INVALID;
    if ((key->uses & USE_DECRYPT) == 0)
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    return module->login_required && !token->logged_in ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL)
        rv = CKR_ARGUMENTS_BAD;
    else if (session->operation != OPERATION_NONE)
        rv = CKR_OPERATION_ACTIVE;
    else
        rv = check_key(module, token, module_object(token, key), mechanism);
    if (rv == CKR_OK) {
        session_reset(session);
        session_keep(session, CK_INVALID_HANDLE, NULL, 0);
        session->operation = OPERATION_DECRYPT;
        session->key = key;
    }
    module_unlock();
    return rv;
}

/* What comes back is kept: a program with too small a buffer asks a second time. */
static CK_RV decrypt(struct session *session, const struct token *token, const struct object *key,
                     const unsigned char *data, CK_ULONG len)
{
    AUTO_FREE char *text = b64_encode(data, len);
    AUTO_FREE char *value = NULL;
    char params[PARAMS_MAX];
    unsigned char *plain;
    ptrdiff_t n;
    CK_RV rv;

    if (text == NULL)
        return CKR_HOST_MEMORY;
    snprintf(params, sizeof params, "\"card_id\":\"%s\",\"usage\":\"%s\",\"data\":\"%s\"",
             token->card_id, key->usage, text);
    rv = module_ask(session, "pkcs11.decrypt", params, DECRYPT_MS, "data", &value);
    if (rv != CKR_OK)
        return rv;
    plain = malloc(strlen(value) + 1);
    n = plain != NULL ? b64_decode(value, strlen(value), plain, strlen(value)) : -1;
    explicit_bzero(value, strlen(value));
    if (n < 0) {
        free(plain);
        return CKR_DEVICE_ERROR;
    }
    session_keep(session, session->key, plain, (size_t)n);
    return CKR_OK;
}

static CK_RV give(struct session *session, unsigned char *data, CK_ULONG *len)
{
    CK_ULONG room = *len;

    *len = session->value_len;
    if (room < session->value_len)
        return CKR_BUFFER_TOO_SMALL;
    if (session->value_len > 0)
        memcpy(data, session->value, session->value_len);
    return CKR_OK;
}

static CK_RV run(struct session *session, const struct token *token, const unsigned char *encrypted,
                 CK_ULONG encrypted_len, unsigned char *data, CK_ULONG *len)
{
    const struct object *key = module_object(token, session->key);
    CK_RV rv = CKR_OK;

    if (len == NULL || encrypted == NULL)
        return CKR_ARGUMENTS_BAD;
    if (key == NULL)
        return CKR_KEY_HANDLE_INVALID;
    if (data == NULL) {
        *len = key->size - PADDING_MIN;
        return CKR_OK;
    }
    if (encrypted_len != key->size || encrypted_len > INPUT_MAX)
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    if (session->value == NULL)
        rv = decrypt(session, token, key, encrypted, encrypted_len);
    return rv == CKR_OK ? give(session, data, len) : rv;
}

CK_RV C_Decrypt(CK_SESSION_HANDLE handle, unsigned char *encrypted, CK_ULONG encrypted_len,
                unsigned char *data, CK_ULONG *len)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    if (session->operation != OPERATION_DECRYPT) {
        module_unlock();
        return CKR_OPERATION_NOT_INITIALIZED;
    }
    rv = run(session, token, encrypted, encrypted_len, data, len);
    session = session_find(&module->sessions, handle); /* it may have been closed meanwhile */
    if (session != NULL && rv != CKR_BUFFER_TOO_SMALL && (rv != CKR_OK || data != NULL)) {
        session_reset(session);
        session_keep(session, CK_INVALID_HANDLE, NULL, 0);
    }
    module_unlock();
    return rv;
}
