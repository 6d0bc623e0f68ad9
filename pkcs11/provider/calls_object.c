/* SPDX-License-Identifier: Apache-2.0 */
/* PKCS#11 section 5.7: objects are looked at, never changed. */
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/util.h"
#include "pkcs11/provider/module.h"

/* Reading a data object of a slow card, and a PIN before it. */
#define READ_MS 120000

/* Attributes looked at in one call. */
#define TEMPLATE_MAX 64

static CK_RV check_template(const CK_ATTRIBUTE *template, CK_ULONG n)
{
    if (n > TEMPLATE_MAX || (template == NULL && n > 0))
        return CKR_ARGUMENTS_BAD;
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].pValue == NULL && template[i].ulValueLen > 0)
            return CKR_ARGUMENTS_BAD;
    return CKR_OK;
}

static CK_RV find(struct session *session, const struct token *token, const CK_ATTRIBUTE *template,
                  CK_ULONG n)
{
    CK_OBJECT_HANDLE *found = calloc(token->n_objects + 1, sizeof *found);

    if (found == NULL)
        return CKR_HOST_MEMORY;
    free(session->found);
    session->found = found;
    session->n_found = session->at_found = 0;
    for (size_t i = 0; i < token->n_objects; i++) {
        CK_OBJECT_HANDLE handle = module_handle(token, i);
        const struct object *object = module_object(token, handle);

        if (object != NULL && object_matches(object, template, n))
            found[session->n_found++] = handle;
    }
    session->finding = true;
    return CKR_OK;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *template, CK_ULONG n)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    rv = session->finding ? CKR_OPERATION_ACTIVE : check_template(template, n);
    if (rv == CKR_OK)
        rv = find(session, token, template, n);
    module_unlock();
    return rv;
}

CK_RV C_FindObjects(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG max,
                    CK_ULONG *count)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    if (count == NULL || (objects == NULL && max > 0))
        rv = CKR_ARGUMENTS_BAD;
    else if (!session->finding)
        rv = CKR_OPERATION_NOT_INITIALIZED;
    if (rv == CKR_OK)
        for (*count = 0; *count < max && session->at_found < session->n_found; ++*count)
            objects[*count] = session->found[session->at_found++];
    module_unlock();
    return rv;
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE handle)
{
    struct module *module;
    struct session *session;
    struct token *token;
    CK_RV rv = module_session(handle, &module, &session, &token);

    if (rv != CKR_OK)
        return rv;
    rv = session->finding ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
    session->finding = false;
    free(TAKE_PTR(session->found));
    module_unlock();
    return rv;
}

static bool is_secret(CK_ATTRIBUTE_TYPE type)
{
    static const CK_ATTRIBUTE_TYPE secret[] = {CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
                                               CKA_PRIME_2,          CKA_EXPONENT_1,
                                               CKA_EXPONENT_2,       CKA_COEFFICIENT};

    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        if (secret[i] == type)
            return true;
    return false;
}

/* Each attribute gets its answer, whatever becomes of the others (C_GetAttributeValue, 5.7). */
static CK_RV give(CK_ATTRIBUTE *attribute, const void *value, size_t len)
{
    if (attribute->pValue == NULL) {
        attribute->ulValueLen = len;
        return CKR_OK;
    }
    if (attribute->ulValueLen < len) {
        attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    if (len > 0)
        memcpy(attribute->pValue, value, len);
    attribute->ulValueLen = len;
    return CKR_OK;
}

static CK_RV give_attribute(const struct session *session, CK_OBJECT_HANDLE handle,
                            const struct object *object, CK_ATTRIBUTE *attribute)
{
    const struct attribute *own = object_attribute(object, attribute->type);

    if (own != NULL)
        return give(attribute, own->value, own->len);
    if (object->class == CKO_DATA && attribute->type == CKA_VALUE && session->value_of == handle)
        return give(attribute, session->value, session->value_len);
    attribute->ulValueLen = CK_UNAVAILABLE_INFORMATION;
    if (object->class == CKO_PRIVATE_KEY && is_secret(attribute->type))
        return CKR_ATTRIBUTE_SENSITIVE;
    return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV give_attributes(const struct session *session, CK_OBJECT_HANDLE handle,
                             const struct object *object, CK_ATTRIBUTE *template, CK_ULONG n)
{
    CK_RV rv = CKR_OK;

    for (CK_ULONG i = 0; i < n; i++) {
        CK_RV one = give_attribute(session, handle, object, &template[i]);

        if (rv == CKR_OK)
            rv = one;
    }
    return rv;
}

/* Kept for the second of the two calls that programs make, and no longer. */
static CK_RV read_value(struct session *session, const struct token *token, CK_OBJECT_HANDLE handle,
                        const struct object *object)
{
    AUTO_JSON json_t *params =
        json_pack("{s:s, s:s}", "card_id", token->card_id, "label", object->name);
    AUTO_FREE char *text = params != NULL ? json_dumps(params, JSON_COMPACT) : NULL;
    AUTO_FREE char *value = NULL;
    unsigned char *bytes;
    ptrdiff_t len;
    CK_RV rv;

    if (text == NULL)
        return CKR_HOST_MEMORY;
    text[strlen(text) - 1] = '\0'; /* without the braces */
    rv = module_ask(session, "pkcs11.object", text + 1, READ_MS, "value", &value);
    if (rv != CKR_OK)
        return rv;
    bytes = malloc(strlen(value) + 1);
    len = bytes != NULL ? b64_decode(value, strlen(value), bytes, strlen(value)) : -1;
    if (len < 0) {
        free(bytes);
        return CKR_DEVICE_ERROR;
    }
    session_keep(session, handle, bytes, (size_t)len);
    return CKR_OK;
}

static bool wants_value(const CK_ATTRIBUTE *template, CK_ULONG n)
{
    for (CK_ULONG i = 0; i < n; i++)
        if (template[i].type == CKA_VALUE)
            return true;
    return false;
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object_handle,
                          CK_ATTRIBUTE *template, CK_ULONG n)
{
    struct module *module;
    struct session *session;
    struct token *token;
    const struct object *object = NULL;
    CK_RV rv = module_session(handle, &module, &session, &token);
    bool known;

    if (rv != CKR_OK)
        return rv;
    if (template == NULL || n == 0 || n > TEMPLATE_MAX)
        rv = CKR_ARGUMENTS_BAD;
    else if ((object = module_object(token, object_handle)) == NULL)
        rv = CKR_OBJECT_HANDLE_INVALID;
    known = session->value_of == object_handle;
    if (rv == CKR_OK && object->class == CKO_DATA && wants_value(template, n) && !known) {
        rv = read_value(session, token, object_handle, object);
        if (rv == CKR_OK && (object = module_object(token, object_handle)) == NULL)
            rv = CKR_OBJECT_HANDLE_INVALID;
    }
    if (rv == CKR_OK) {
        rv = give_attributes(session, object_handle, object, template, n);
        if (known)
            session_keep(session, CK_INVALID_HANDLE, NULL, 0);
    }
    module_unlock();
    return rv;
}
