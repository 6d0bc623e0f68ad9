/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/provider/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/json.h"
#include "base/util.h"

/* Keys and data objects taken of one card. */
#define KEYS_MAX    8
#define OBJECTS_MAX 64
/* Values of CKA_CERTIFICATE_CATEGORY. */
#define CATEGORY_USER      1
#define CATEGORY_AUTHORITY 2

#define BYTES_MAX 9000

static const struct {
    const char *name;
    unsigned use;
} use_names[] = {
    {"RSA_PKCS", USE_RSA_PKCS},           {"RSA_PKCS_PSS", USE_RSA_PKCS_PSS},
    {"SHA1_RSA_PKCS", USE_SHA1_RSA_PKCS}, {"SHA256_RSA_PKCS", USE_SHA256_RSA_PKCS},
    {"DECRYPT_RSA_PKCS", USE_DECRYPT},
};

/* A value that cannot be kept is left out: the object then has no such attribute. */
static void set(struct object *object, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
    struct attribute *attribute = &object->list[object->n];

    if (object->n == OBJECT_ATTRIBUTES_MAX)
        return;
    attribute->value = malloc(len > 0 ? len : 1);
    if (attribute->value == NULL)
        return;
    if (len > 0)
        memcpy(attribute->value, value, len);
    attribute->type = type;
    attribute->len = len;
    object->n++;
}

static void set_bool(struct object *object, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL byte = value ? CK_TRUE : CK_FALSE;

    set(object, type, &byte, sizeof byte);
}

static void set_ulong(struct object *object, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    set(object, type, &value, sizeof value);
}

static void set_text(struct object *object, CK_ATTRIBUTE_TYPE type, const char *text)
{
    if (text != NULL)
        set(object, type, text, strlen(text));
}

/* Returns how many bytes the attribute has. */
static size_t set_base64url(struct object *object, CK_ATTRIBUTE_TYPE type, const json_t *from,
                            const char *key)
{
    const char *text = json_get_string(from, key);
    unsigned char bytes[BYTES_MAX];
    ptrdiff_t len = text != NULL ? b64_decode(text, strlen(text), bytes, sizeof bytes) : -1;

    if (len <= 0)
        return 0;
    set(object, type, bytes, (size_t)len);
    return (size_t)len;
}

/* An object without an id has an empty one, which is the default: Java asks each certificate. */
static void set_id(struct object *object, const char *hex)
{
    unsigned char bytes[64];
    size_t n = 0;

    while (hex != NULL && n < sizeof bytes && sscanf(hex + 2 * n, "%2hhx", &bytes[n]) == 1)
        n++;
    set(object, CKA_ID, bytes, n);
}

static void set_date(struct object *object, CK_ATTRIBUTE_TYPE type, const char *text)
{
    bool known = text != NULL && strlen(text) == sizeof(CK_DATE);

    set(object, type, text, known ? sizeof(CK_DATE) : 0);
}

static void begin(struct object *object, CK_OBJECT_CLASS class, bool private, const char *label)
{
    object->class = class;
    set_ulong(object, CKA_CLASS, class);
    set_bool(object, CKA_TOKEN, true);
    set_bool(object, CKA_PRIVATE, private);
    set_bool(object, CKA_MODIFIABLE, false);
    set_text(object, CKA_LABEL, label);
}

static void begin_key(struct object *object, CK_OBJECT_CLASS class, bool private, const char *label)
{
    begin(object, class, private, label);
    set_ulong(object, CKA_KEY_TYPE, CKK_RSA);
    set_ulong(object, CKA_KEY_GEN_MECHANISM, CK_UNAVAILABLE_INFORMATION);
    set_bool(object, CKA_LOCAL, false); /* not made through this module */
    set_bool(object, CKA_DERIVE, false);
}

static void make_certificate(struct object *object, const char *label, const char *id,
                             const json_t *parts, CK_ULONG category)
{
    begin(object, CKO_CERTIFICATE, false, label);
    set_ulong(object, CKA_CERTIFICATE_TYPE, CKC_X_509);
    set_ulong(object, CKA_CERTIFICATE_CATEGORY, category);
    set_bool(object, CKA_TRUSTED, false);
    set_id(object, id);
    set_base64url(object, CKA_SUBJECT, parts, "subject");
    set_base64url(object, CKA_ISSUER, parts, "issuer");
    set_base64url(object, CKA_SERIAL_NUMBER, parts, "serial_number");
    set_base64url(object, CKA_VALUE, parts, "der");
    set_date(object, CKA_START_DATE, json_get_string(parts, "start_date"));
    set_date(object, CKA_END_DATE, json_get_string(parts, "end_date"));
}

/* Hashing by the card is for the signature key alone: browsers must not choose it to log in. */
static unsigned uses_of(const json_t *key, const char *usage)
{
    const json_t *mechanisms = json_get_array(key, "mechanisms");
    unsigned uses = 0;
    size_t i;
    const json_t *name;

    json_array_foreach (mechanisms, i, name)
        for (size_t k = 0; k < sizeof use_names / sizeof use_names[0]; k++)
            if (json_is_string(name) && strcmp(json_string_value(name), use_names[k].name) == 0)
                uses |= use_names[k].use;
    if (strcmp(usage, "signature") != 0)
        uses &= ~(unsigned)(USE_SHA1_RSA_PKCS | USE_SHA256_RSA_PKCS);
    return uses;
}

static void set_mechanisms(struct object *object)
{
    static const struct {
        unsigned use;
        CK_MECHANISM_TYPE type;
    } types[] = {{USE_RSA_PKCS | USE_DECRYPT, CKM_RSA_PKCS},
                 {USE_RSA_PKCS_PSS, CKM_RSA_PKCS_PSS},
                 {USE_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS},
                 {USE_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS}};
    CK_MECHANISM_TYPE allowed[sizeof types / sizeof types[0]];
    size_t n = 0;

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if ((object->uses & types[i].use) != 0)
            allowed[n++] = types[i].type;
    set(object, CKA_ALLOWED_MECHANISMS, allowed, n * sizeof allowed[0]);
}

/* Modulus and exponent too: TLS stacks size the key by them. */
static void make_private_key(struct object *object, const json_t *key, const char *usage)
{
    const json_t *parts = json_get_object(key, "certificate");
    int64_t input_max = json_get_int(key, "input_max", 0);

    begin_key(object, CKO_PRIVATE_KEY, true, json_get_string(key, "label"));
    snprintf(object->usage, sizeof object->usage, "%s", usage);
    object->uses = uses_of(key, usage);
    object->input_max = input_max > 0 ? (size_t)input_max : 0;
    set_id(object, json_get_string(key, "id"));
    set_base64url(object, CKA_SUBJECT, parts, "subject");
    object->size = set_base64url(object, CKA_MODULUS, parts, "modulus");
    set_base64url(object, CKA_PUBLIC_EXPONENT, parts, "exponent");
    set_bool(object, CKA_SENSITIVE, true);
    set_bool(object, CKA_ALWAYS_SENSITIVE, true);
    set_bool(object, CKA_EXTRACTABLE, false);
    set_bool(object, CKA_NEVER_EXTRACTABLE, true);
    set_bool(object, CKA_SIGN, (object->uses & ~(unsigned)USE_DECRYPT) != 0);
    set_bool(object, CKA_DECRYPT, (object->uses & USE_DECRYPT) != 0);
    set_bool(object, CKA_SIGN_RECOVER, false);
    set_bool(object, CKA_UNWRAP, false);
    set_bool(object, CKA_ALWAYS_AUTHENTICATE, false);
    set_mechanisms(object);
}

/* CPS_PRIV_AUT and CPS_PUB_AUT are the two halves of a pair. */
static void public_label(const char *label, char *text, size_t size)
{
    const char *at = label != NULL ? strstr(label, "_PRIV_") : NULL;

    if (at != NULL)
        snprintf(text, size, "%.*s_PUB_%s", (int)(at - label), label, at + strlen("_PRIV_"));
    else
        snprintf(text, size, "%s", label != NULL ? label : "");
}

static void make_public_key(struct object *object, const json_t *key)
{
    const json_t *parts = json_get_object(key, "certificate");
    char label[OBJECT_NAME_MAX + 1];

    public_label(json_get_string(key, "label"), label, sizeof label);
    begin_key(object, CKO_PUBLIC_KEY, false, label);
    set_id(object, json_get_string(key, "id"));
    set_base64url(object, CKA_SUBJECT, parts, "subject");
    set_ulong(object, CKA_MODULUS_BITS, 8 * set_base64url(object, CKA_MODULUS, parts, "modulus"));
    set_base64url(object, CKA_PUBLIC_EXPONENT, parts, "exponent");
    set_bool(object, CKA_VERIFY, false); /* not by this module */
    set_bool(object, CKA_ENCRYPT, false);
    set_bool(object, CKA_WRAP, false);
    set_bool(object, CKA_VERIFY_RECOVER, false);
}

static size_t make_key(struct object *objects, const json_t *key)
{
    const char *usage = json_get_string(key, "usage");
    const json_t *parts = json_get_object(key, "certificate");

    if (usage == NULL || parts == NULL)
        return 0;
    make_certificate(&objects[0], json_get_string(key, "certificate_label"),
                     json_get_string(key, "id"), parts, CATEGORY_USER);
    if (json_get_string(parts, "modulus") == NULL)
        return 1;
    make_private_key(&objects[1], key, usage);
    make_public_key(&objects[2], key);
    return 3;
}

static size_t make_data(struct object *object, const json_t *from)
{
    const char *label = json_get_string(from, "label");

    if (label == NULL || strlen(label) > OBJECT_NAME_MAX)
        return 0;
    object->private = json_get_bool(from, "private", true);
    snprintf(object->name, sizeof object->name, "%s", label);
    begin(object, CKO_DATA, object->private, label);
    set_text(object, CKA_APPLICATION, json_get_string(from, "application"));
    set_text(object, CKA_OBJECT_ID, "");
    return 1;
}

size_t objects_make(const json_t *token, struct object **ret_objects)
{
    const json_t *keys = json_get_array(token, "keys");
    const json_t *authorities = json_get_array(token, "authorities");
    const json_t *data = json_get_array(token, "objects");
    struct object *objects = calloc(3 * KEYS_MAX + 2 * OBJECTS_MAX, sizeof *objects);
    size_t n = 0, i;
    const json_t *from;

    json_array_foreach (keys, i, from)
        if (i < KEYS_MAX && objects != NULL)
            n += make_key(&objects[n], from);
    json_array_foreach (authorities, i, from)
        if (i < OBJECTS_MAX && objects != NULL)
            make_certificate(&objects[n++], json_get_string(from, "label"), NULL,
                             json_get_object(from, "certificate"), CATEGORY_AUTHORITY);
    json_array_foreach (data, i, from)
        if (i < OBJECTS_MAX && objects != NULL)
            n += make_data(&objects[n], from);
    *ret_objects = objects;
    return n;
}

void objects_free(struct object *objects, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < objects[i].n; k++)
            free(objects[i].list[k].value);
    free(objects);
}

const struct attribute *object_attribute(const struct object *object, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < object->n; i++)
        if (object->list[i].type == type)
            return &object->list[i];
    return NULL;
}

bool object_matches(const struct object *object, const CK_ATTRIBUTE *template, CK_ULONG n)
{
    for (CK_ULONG i = 0; i < n; i++) {
        const struct attribute *own = object_attribute(object, template[i].type);

        if (own == NULL || own->len != template[i].ulValueLen ||
            (own->len > 0 && memcmp(own->value, template[i].pValue, own->len) != 0))
            return false;
    }
    return true;
}
