/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/proto.h"
#include "base/util.h"
#include "pkcs11/module_card.h"

/* Handles taken from the module at a time. */
#define BATCH_MAX 16

#define CERTIFICATES_MAX 64

static cps_error collect(struct module_card *card, CK_OBJECT_HANDLE *handles, size_t max,
                         size_t *ret_n, struct fail *fail)
{
    CK_OBJECT_HANDLE batch[BATCH_MAX];
    size_t n = 0;

    while (n < max) {
        CK_ULONG asked = max - n < BATCH_MAX ? max - n : BATCH_MAX;
        CK_ULONG got = 0;
        CK_RV rv = card->module->functions.C_FindObjects(card->session, batch, asked, &got);

        if (rv != CKR_OK)
            return module_trouble(card, rv, "C_FindObjects", fail);
        if (got > asked)
            return fail_set(fail, CPS_CARD_PROTOCOL, "C_FindObjects: more objects than asked");
        if (got == 0)
            break;
        memcpy(handles + n, batch, got * sizeof batch[0]);
        n += got;
    }
    *ret_n = n;
    return CPS_OK;
}

cps_error module_find(struct module_card *card, CK_ATTRIBUTE *template, CK_ULONG n,
                      CK_OBJECT_HANDLE *handles, size_t max, size_t *ret_n, struct fail *fail)
{
    CK_RV rv = card->module->functions.C_FindObjectsInit(card->session, template, n);
    cps_error error;

    if (rv != CKR_OK)
        return module_trouble(card, rv, "C_FindObjectsInit", fail);
    error = collect(card, handles, max, ret_n, fail);
    (void)card->module->functions.C_FindObjectsFinal(card->session);
    return error;
}

cps_error module_attribute(struct module_card *card, CK_OBJECT_HANDLE object,
                           CK_ATTRIBUTE_TYPE type, void *out, size_t size, size_t *ret_len,
                           struct fail *fail)
{
    CK_ATTRIBUTE attribute = {.type = type, .pValue = out, .ulValueLen = size};
    CK_RV rv = card->module->functions.C_GetAttributeValue(card->session, object, &attribute, 1);

    if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
        (rv == CKR_OK && attribute.ulValueLen == CK_UNAVAILABLE_INFORMATION)) {
        *ret_len = 0;
        return CPS_OK;
    }
    if (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && attribute.ulValueLen > size))
        return fail_set(fail, CPS_CARD_PROTOCOL, "attribute 0x%lX of more than %zu bytes", type,
                        size);
    if (rv != CKR_OK)
        return module_trouble(card, rv, "C_GetAttributeValue", fail);
    *ret_len = attribute.ulValueLen;
    return CPS_OK;
}

/* A label for people; "" when the module has none fit to be shown. */
static cps_error read_label(struct module_card *card, CK_OBJECT_HANDLE object,
                            CK_ATTRIBUTE_TYPE type, char label[CARD_LABEL_MAX + 1],
                            struct fail *fail)
{
    uint8_t text[4 * CARD_LABEL_MAX];
    size_t len = 0;
    cps_error error = module_attribute(card, object, type, text, sizeof text, &len, fail);

    label[0] = '\0';
    if (error == CPS_OK && len > 0)
        module_text(text, len, label, CARD_LABEL_MAX + 1);
    return error == CPS_CARD_PROTOCOL ? CPS_OK : error;
}

/* Keys that no PIN guards are technical ones: they prove a card, never a person. */
static bool usage_of(const struct module_card *card, const struct certificate *certificate,
                     enum key_usage *ret_usage)
{
    if ((card->flags & CKF_LOGIN_REQUIRED) == 0)
        *ret_usage = USAGE_TECHNICAL;
    else if (certificate_is_for(certificate, USAGE_SIGNATURE))
        *ret_usage = USAGE_SIGNATURE;
    else
        *ret_usage = USAGE_AUTHENTICATION;
    return certificate_is_for(certificate, *ret_usage);
}

/* A certificate that is none, or of no use here, is passed over: others may be sound. */
static cps_error take_certificate(struct module_card *card, CK_OBJECT_HANDLE object,
                                  struct fail *fail)
{
    AUTO_CERTIFICATE struct certificate *certificate = NULL;
    uint8_t der[PROTO_CERTIFICATE_MAX];
    struct module_key key = {.id_len = 0};
    enum key_usage usage;
    size_t len = 0;
    cps_error error = module_attribute(card, object, CKA_VALUE, der, sizeof der, &len, fail);

    if (error == CPS_OK)
        error = certificate_new((struct span){der, len}, &certificate, fail);
    if (error == CPS_OK && !usage_of(card, certificate, &usage))
        error = fail_set(fail, CPS_CERTIFICATE_INVALID, "of no use here");
    if (error == CPS_OK)
        error = module_attribute(card, object, CKA_ID, key.id, sizeof key.id, &key.id_len, fail);
    if (error == CPS_OK)
        error = read_label(card, object, CKA_LABEL, key.label, fail);
    if (error == CPS_CERTIFICATE_INVALID || error == CPS_CARD_PROTOCOL)
        return CPS_OK;
    if (error != CPS_OK || card->keys[usage].certificate != NULL)
        return error;
    key.certificate = TAKE_PTR(certificate);
    card->keys[usage] = key;
    return CPS_OK;
}

void module_drop_certificates(struct module_card *card)
{
    for (size_t i = 0; i < KEY_USAGES; i++) {
        certificate_free(card->keys[i].certificate);
        card->keys[i] = (struct module_key){.id_len = 0};
    }
}

cps_error module_read_certificates(struct module_card *card, struct fail *fail)
{
    CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    CK_ATTRIBUTE template = {.type = CKA_CLASS, .pValue = &class, .ulValueLen = sizeof class};
    CK_OBJECT_HANDLE handles[CERTIFICATES_MAX];
    size_t n = 0;
    cps_error error = module_find(card, &template, 1, handles, CERTIFICATES_MAX, &n, fail);

    module_drop_certificates(card);
    for (size_t i = 0; error == CPS_OK && i < n && !card->lost; i++)
        error = take_certificate(card, handles[i], fail);
    if (error != CPS_OK)
        return error;
    for (size_t i = 0; i < KEY_USAGES; i++)
        if (card->keys[i].certificate != NULL)
            return CPS_OK;
    if (n > 0)
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "no certificate of the token is usable");
    return fail_set(fail, CPS_CARD_UNSUPPORTED, "no certificate in the token");
}

static cps_error find_data(struct module_card *card, CK_OBJECT_HANDLE *handles, size_t *ret_n,
                           struct fail *fail)
{
    CK_OBJECT_CLASS class = CKO_DATA;
    CK_ATTRIBUTE template = {.type = CKA_CLASS, .pValue = &class, .ulValueLen = sizeof class};
    cps_error error = module_sync(card, fail);

    if (error == CPS_OK)
        error = module_find(card, &template, 1, handles, CARD_OBJECTS_MAX, ret_n, fail);
    return error;
}

cps_error module_objects(struct card *self, struct card_objects *ret_objects, struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    CK_OBJECT_HANDLE handles[CARD_OBJECTS_MAX];
    struct card_objects found = {.n = 0};
    size_t n = 0;
    cps_error error = find_data(card, handles, &n, fail);

    for (size_t i = 0; error == CPS_OK && i < n; i++) {
        struct card_object *object = &found.list[found.n];
        CK_BBOOL private = CK_FALSE;
        size_t len;

        error = read_label(card, handles[i], CKA_LABEL, object->label, fail);
        if (error == CPS_OK)
            error = read_label(card, handles[i], CKA_APPLICATION, object->application, fail);
        if (error == CPS_OK)
            error = module_attribute(card, handles[i], CKA_PRIVATE, &private, sizeof private, &len,
                                     fail);
        object->private = private != CK_FALSE;
        if (error == CPS_OK && object->label[0] != '\0')
            found.n++;
    }
    if (error == CPS_OK)
        *ret_objects = found;
    return error;
}

/* Before the PIN, modules do not even say that a private object is there. */
static cps_error no_such_object(const struct module_card *card, struct fail *fail)
{
    if (!card->verified && (card->flags & CKF_LOGIN_REQUIRED) != 0)
        return fail_set(fail, CPS_PIN_REQUIRED, "no object of that label without the PIN");
    return fail_set(fail, CPS_CARD_UNSUPPORTED, "no object of that label");
}

cps_error module_read_object(struct card *self, const char *label, struct file *ret_value,
                             struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    AUTO_FREE struct file *value = calloc(1, sizeof *value);
    CK_OBJECT_HANDLE handles[CARD_OBJECTS_MAX];
    char found[CARD_LABEL_MAX + 1];
    size_t n = 0;
    cps_error error = find_data(card, handles, &n, fail);

    if (value == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    for (size_t i = 0; error == CPS_OK && i < n; i++) {
        error = read_label(card, handles[i], CKA_LABEL, found, fail);
        if (error != CPS_OK || strcmp(found, label) != 0)
            continue;
        error = module_attribute(card, handles[i], CKA_VALUE, value->data, sizeof value->data,
                                 &value->len, fail);
        if (error == CPS_OK)
            *ret_value = *value;
        return error;
    }
    return error == CPS_OK ? no_such_object(card, fail) : error;
}
