/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 section 5.11: signatures. The card makes them; the agent queues, asks and confirms. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/util.h"
#include "pkcs11/provider/module.h"

/*
 * A signature may be part of a TLS handshake, that browsers give up after 30 seconds: a PIN typed
 * later is of no use. The signature key is none of that, and its user reads a question first.
 */
#define HANDSHAKE_MS 25000
#define SIGNATURE_MS 180000

#define PARAMS_MAX 2048

static const struct sign_mechanism {
    CK_MECHANISM_TYPE type;
    unsigned use;
    const char *name; /* for the agent */
} mechanisms[] = {
    {CKM_RSA_PKCS, USE_RSA_PKCS, "RSA_PKCS"},
    {CKM_RSA_PKCS_PSS, USE_RSA_PKCS_PSS, "RSA_PKCS_PSS"},
    {CKM_SHA1_RSA_PKCS, USE_SHA1_RSA_PKCS, "SHA1_RSA_PKCS"},
    {CKM_SHA256_RSA_PKCS, USE_SHA256_RSA_PKCS, "SHA256_RSA_PKCS"},
};

static const struct pss_hash {
    CK_MECHANISM_TYPE hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_ULONG len;
    const char *name;
} pss_hashes[] = {
    {CKM_SHA256, CKG_MGF1_SHA256, 32, "sha256"},
    {CKM_SHA384, CKG_MGF1_SHA384, 48, "sha384"},
    {CKM_SHA512, CKG_MGF1_SHA512, 64, "sha512"},
};

static const struct sign_mechanism *find_mechanism(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
        if (mechanisms[i].type == type)
            return &mechanisms[i];
    return NULL;
}

static const struct pss_hash *find_hash(const char *name)
{
    for (size_t i = 0; i < sizeof pss_hashes / sizeof pss_hashes[0]; i++)
        if (name != NULL && strcmp(pss_hashes[i].name, name) == 0)
            return &pss_hashes[i];
    return NULL;
}

static bool hashes(CK_MECHANISM_TYPE type)
{
    return type == CKM_SHA1_RSA_PKCS || type == CKM_SHA256_RSA_PKCS;
}

/* Of PSS, the one form that TLS knows: MGF1 and salt length go with the hash. */
static CK_RV read_parameter(const CK_MECHANISM *mechanism, const char **ret_hash)
{
    const CK_RSA_PKCS_PSS_PARAMS *pss = mechanism->pParameter;

    *ret_hash = NULL;
    if (mechanism->mechanism != CKM_RSA_PKCS_PSS)
        return mechanism->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
    if (pss == NULL || mechanism->ulParameterLen != sizeof *pss)
        return CKR_MECHANISM_PARAM_INVALID;
    for (size_t i = 0; i < sizeof pss_hashes / sizeof pss_hashes[0]; i++)
        if (pss->hashAlg == pss_hashes[i].hash && pss->mgf == pss_hashes[i].mgf &&
            pss->sLen == pss_hashes[i].len)
            *ret_hash = pss_hashes[i].name;
    return *ret_hash != NULL ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV check_key(const struct module *module, const struct token *token,
                       const struct object *key, const CK_MECHANISM *mechanism)
{
    const struct sign_mechanism *known = find_mechanism(mechanism->mechanism);

    if (known == NULL)
        return CKR_MECHANISM_INVALID;
    if (key == NULL || key->class != CKO_PRIVATE_KEY)
        return CKR_KEY_HANDLE_INVALID;
    if ((key->uses & known->use) == 0)
        return CKR_MECHANISM_INVALID;
    return module->login_required && !token->logged_in ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

CK_RV C_SignInit(CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    struct module *module;
    struct session *session;
    struct token *token;
    const char *hash = NULL;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    if (mechanism == NULL)
        rv = CKR_ARGUMENTS_BAD;
    else if (session->operation != OPERATION_NONE)
        rv = CKR_OPERATION_ACTIVE;
    if (rv == CKR_OK)
        rv = check_key(module, token, module_object(token, key), mechanism);
    if (rv == CKR_OK)
        rv = read_parameter(mechanism, &hash);
    if (rv == CKR_OK) {
        session_reset(session);
        session->operation = OPERATION_SIGN;
        session->mechanism = mechanism->mechanism;
        session->key = key;
        session->hash = hash;
        digest_init(&session->digest, mechanism->mechanism == CKM_SHA256_RSA_PKCS);
    }
    module_unlock();
    return rv;
}

/* One more piece of what is to be signed. */
static CK_RV add(struct session *session, const struct object *key, const unsigned char *data,
                 CK_ULONG len)
{
    const struct pss_hash *hash = find_hash(session->hash);
    size_t max = hash != NULL ? hash->len : key->input_max;

    if (hashes(session->mechanism)) {
        digest_update(&session->digest, data, len);
        return CKR_OK;
    }
    if (max > sizeof session->input)
        max = sizeof session->input;
    if (len > max - session->input_len)
        return CKR_DATA_LEN_RANGE;
    if (len > 0)
        memcpy(session->input + session->input_len, data, len);
    session->input_len += len;
    return CKR_OK;
}

/* What has been gathered is something that can be signed. */
static CK_RV check_input(const struct session *session)
{
    const struct pss_hash *hash = find_hash(session->hash);

    if (hashes(session->mechanism))
        return CKR_OK;
    if (hash != NULL ? session->input_len != hash->len : session->input_len == 0)
        return CKR_DATA_LEN_RANGE;
    return CKR_OK;
}

/* The params of pkcs11.sign. */
static bool write_params(const struct session *session, const struct token *token,
                         const struct object *key, char *text, size_t size)
{
    const struct sign_mechanism *mechanism = find_mechanism(session->mechanism);
    const struct digest *digest = &session->digest;
    uint8_t state[DIGEST_STATE_MAX];
    bool card_hashes = hashes(session->mechanism);
    size_t state_len = card_hashes ? digest_state(digest, state) : 0;
    AUTO_FREE char *data = card_hashes ? b64_encode(digest->last, digest->last_len)
                                       : b64_encode(session->input, session->input_len);
    AUTO_FREE char *chaining = b64_encode(state, state_len);
    int n;

    if (data == NULL || chaining == NULL)
        return false;
    n = snprintf(text, size, "\"card_id\":\"%s\",\"usage\":\"%s\",\"mechanism\":\"%s\"",
                 token->card_id, key->usage, mechanism->name);
    if (n > 0 && data[0] != '\0')
        n += snprintf(text + n, size - (size_t)n, ",\"data\":\"%s\"", data);
    if (n > 0 && session->hash != NULL)
        n += snprintf(text + n, size - (size_t)n, ",\"hash\":\"%s\"", session->hash);
    if (n > 0 && chaining[0] != '\0')
        n += snprintf(text + n, size - (size_t)n, ",\"state\":\"%s\",\"hashed\":%llu", chaining,
                      (unsigned long long)digest->hashed);
    return n > 0 && (size_t)n < size;
}

static CK_RV sign(struct session *session, const struct token *token, const struct object *key,
                  unsigned char *signature, CK_ULONG *len)
{
    bool slow = strcmp(key->usage, "signature") == 0;
    size_t size = key->size;
    char params[PARAMS_MAX];
    AUTO_FREE char *value = NULL;
    ptrdiff_t n;
    CK_RV rv;

    if (!write_params(session, token, key, params, sizeof params))
        return CKR_HOST_MEMORY;
    session_reset(session); /* whatever comes of it, it is over */
    rv = module_ask(session, "pkcs11.sign", params, slow ? SIGNATURE_MS : HANDSHAKE_MS, "signature",
                    &value);
    if (rv != CKR_OK)
        return rv;
    n = b64_decode(value, strlen(value), signature, size);
    if (n != (ptrdiff_t)size)
        return CKR_DEVICE_ERROR;
    *len = size;
    return CKR_OK;
}

/*
 * The end of both C_Sign and C_SignFinal: asked for the length, or with too little room, the
 * operation goes on; with anything else it is over.
 */
static CK_RV finish(struct session *session, const struct token *token, const unsigned char *data,
                    CK_ULONG data_len, unsigned char *signature, CK_ULONG *len)
{
    const struct object *key = module_object(token, session->key);
    CK_RV rv = CKR_OK;

    if (len == NULL || (data == NULL && data_len > 0))
        rv = CKR_ARGUMENTS_BAD;
    else if (key == NULL)
        rv = CKR_KEY_HANDLE_INVALID;
    if (rv == CKR_OK && (signature == NULL || *len < key->size)) {
        *len = key->size;
        return signature == NULL ? CKR_OK : CKR_BUFFER_TOO_SMALL;
    }
    if (rv == CKR_OK)
        rv = add(session, key, data, data_len);
    if (rv == CKR_OK)
        rv = check_input(session);
    if (rv == CKR_OK)
        return sign(session, token, key, signature, len);
    session_reset(session);
    return rv;
}

CK_RV C_Sign(CK_SESSION_HANDLE handle, unsigned char *data, CK_ULONG data_len,
             unsigned char *signature, CK_ULONG *len)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    if (session->operation != OPERATION_SIGN)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else if (session->in_parts)
        rv = CKR_OPERATION_ACTIVE;
    else
        rv = finish(session, token, data, data_len, signature, len);
    module_unlock();
    return rv;
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE handle, unsigned char *part, CK_ULONG len)
{
    struct module *module;
    struct session *session;
    struct token *token;
    const struct object *key;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    if (session->operation != OPERATION_SIGN) {
        rv = CKR_OPERATION_NOT_INITIALIZED;
    } else {
        key = module_object(token, session->key);
        session->in_parts = true;
        if (part == NULL && len > 0)
            rv = CKR_ARGUMENTS_BAD;
        else
            rv = key != NULL ? add(session, key, part, len) : CKR_KEY_HANDLE_INVALID;
        if (rv != CKR_OK)
            session_reset(session);
    }
    module_unlock();
    return rv;
}

CK_RV C_SignFinal(CK_SESSION_HANDLE handle, unsigned char *signature, CK_ULONG *len)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    if (session->operation != OPERATION_SIGN)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    else
        rv = finish(session, token, NULL, 0, signature, len);
    module_unlock();
    return rv;
}
