/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/p15.h"

#include <string.h>

#include "base/text.h"

enum {
    TAG_INTEGER = 0x02,
    TAG_BIT_STRING = 0x03,
    TAG_OCTET_STRING = 0x04,
    TAG_ENUMERATED = 0x0A,
    TAG_BOOLEAN = 0x01,
    TAG_UTF8 = 0x0C,
    TAG_SEQUENCE = 0x30,
    TAG_CONTEXT_0 = 0x80,
    TAG_CONSTRUCTED_1 = 0xA1,
    TAG_ODF_PRIVATE_KEYS = 0xA0,
    TAG_ODF_CERTIFICATES = 0xA4,
    TAG_ODF_DATA = 0xA7,
    TAG_ODF_AUTHENTICATIONS = 0xA8,
    TAG_DIR_RECORD = 0x61,
    TAG_DIR_AID = 0x4F,
    TAG_DIR_PATH = 0x51,
};

/* Bits of PinFlags, KeyUsageFlags and CommonObjectFlags of ISO 7816-15; values of PinType. */
enum { PIN_UNBLOCKING = 6, PIN_SECURITY_OFFICER = 7 };
enum { USAGE_DECRYPT = 1, USAGE_SIGN = 2, USAGE_NON_REPUDIATION = 9 };
enum { OBJECT_PRIVATE = 0 };
enum { PIN_TYPE_BCD = 0, PIN_TYPE_ASCII = 1 };

static bool copy_id(struct span from, struct p15_id *ret_id)
{
    if (from.len > P15_ID_MAX)
        return false;
    if (from.len > 0)
        memcpy(ret_id->bytes, from.data, from.len);
    ret_id->len = from.len;
    return true;
}

bool p15_id_equal(const struct p15_id *a, const struct p15_id *b)
{
    return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

bool p15_next_application(struct span *dir, struct p15_application *ret_application)
{
    static const struct file_path root = {.len = 0};
    struct tlv record;

    while (tlv_next(dir, &record) == TLV_FOUND) {
        struct p15_application application;
        struct span aid;
        struct span path;

        if (record.tag != TAG_DIR_RECORD || !tlv_find(record.value, TAG_DIR_AID, &aid) ||
            !tlv_find(record.value, TAG_DIR_PATH, &path))
            continue;
        if (copy_id(aid, &application.aid) && path.len >= 2 &&
            file_path_join(&root, path, &application.path)) {
            *ret_application = application;
            return true;
        }
    }
    return false;
}

/* Content of Path ::= SEQUENCE { path OCTET STRING, index, length }: no parts of files. */
static bool read_path_content(struct span sequence, const struct file_path *base,
                              struct file_path *ret_path)
{
    struct span path;
    struct span index;
    uint32_t offset = 0;

    if (!tlv_take(&sequence, TAG_OCTET_STRING, &path) || path.len == 0)
        return false;
    if (tlv_take(&sequence, TAG_INTEGER, &index) && (!tlv_uint(index, &offset) || offset != 0))
        return false;
    return file_path_join(base, path, ret_path);
}

static bool read_path(struct span *in, const struct file_path *base, struct file_path *ret_path)
{
    struct span sequence;

    return tlv_take(in, TAG_SEQUENCE, &sequence) && read_path_content(sequence, base, ret_path);
}

static void add_file(struct span value, const struct file_path *base, struct p15_files *files)
{
    if (files->n < P15_FILES_MAX && read_path(&value, base, &files->paths[files->n]))
        files->n++;
}

void p15_read_odf(struct span odf, const struct file_path *application,
                  struct p15_directory *directory)
{
    struct tlv entry;

    while (tlv_next(&odf, &entry) == TLV_FOUND) {
        if (entry.tag == TAG_ODF_PRIVATE_KEYS)
            add_file(entry.value, application, &directory->private_keys);
        else if (entry.tag == TAG_ODF_CERTIFICATES)
            add_file(entry.value, application, &directory->certificates);
        else if (entry.tag == TAG_ODF_AUTHENTICATIONS)
            add_file(entry.value, application, &directory->authentications);
        else if (entry.tag == TAG_ODF_DATA)
            add_file(entry.value, application, &directory->data);
    }
}

/* The three parts that objects are made of: common, of the class, of the type (inside [1]). */
struct object {
    struct span common;
    struct span class;
    struct span type;
};

static bool open_object(const struct tlv *tlv, struct object *ret_object)
{
    struct span in = tlv->value;
    struct span outer;
    struct tlv skipped;

    if (tlv->tag != TAG_SEQUENCE || !tlv_take(&in, TAG_SEQUENCE, &ret_object->common) ||
        !tlv_take(&in, TAG_SEQUENCE, &ret_object->class))
        return false;
    while (!tlv_take(&in, TAG_CONSTRUCTED_1, &outer))
        if (tlv_next(&in, &skipped) != TLV_FOUND)
            return false;
    return tlv_take(&outer, TAG_SEQUENCE, &ret_object->type);
}

/* What is no text for people, or was cut inside a character, keeps its ASCII part. */
static void copy_text(struct span in, char *ret_label)
{
    struct span label = {.len = 0};
    size_t len;

    (void)tlv_take(&in, TAG_UTF8, &label);
    len = label.len < P15_LABEL_MAX ? label.len : P15_LABEL_MAX;
    if (len > 0)
        memcpy(ret_label, label.data, len);
    ret_label[len] = '\0';
    if (text_is_plain(ret_label, P15_LABEL_MAX))
        return;
    for (char *at = ret_label; *at != '\0'; at++)
        if (*at < ' ' || *at > '~')
            *at = '?';
}

/* CommonObjectAttributes ::= { label?, flags?, authId?, … }; authId: which PIN guards the object.
 */
static bool read_guard(struct span common, struct p15_id *ret_id, bool *ret_private)
{
    struct span label;
    struct span flags = {.len = 0};
    struct span auth_id = {.len = 0};

    (void)tlv_take(&common, TAG_UTF8, &label);
    (void)tlv_take(&common, TAG_BIT_STRING, &flags);
    (void)tlv_take(&common, TAG_OCTET_STRING, &auth_id);
    *ret_private = auth_id.len > 0 || tlv_bit(flags, OBJECT_PRIVATE);
    return copy_id(auth_id, ret_id);
}

/* PinAttributes ::= { pinFlags, pinType, minLength, storedLength, maxLength?, [0] reference, … } */
static bool read_pin(const struct object *object, struct p15_pin *ret_pin)
{
    struct span class = object->class;
    struct span in = object->type;
    struct span auth_id;
    struct span flags;
    struct span type;
    struct span min;
    struct span stored;
    struct span max;
    struct span reference;
    bool private;
    uint32_t number = 0;
    uint32_t kind;

    if (!read_guard(object->common, &ret_pin->unblocked_by, &private) ||
        !tlv_take(&class, TAG_OCTET_STRING, &auth_id) || !copy_id(auth_id, &ret_pin->auth_id) ||
        !tlv_take(&in, TAG_BIT_STRING, &flags) || !tlv_take(&in, TAG_ENUMERATED, &type) ||
        !tlv_take(&in, TAG_INTEGER, &min) || !tlv_take(&in, TAG_INTEGER, &stored))
        return false;
    if (!tlv_take(&in, TAG_INTEGER, &max))
        max = stored;
    if (tlv_take(&in, TAG_CONTEXT_0, &reference) && !tlv_uint(reference, &number))
        return false;
    if (!tlv_uint(type, &kind) || !tlv_uint(min, &ret_pin->min_len) ||
        !tlv_uint(max, &ret_pin->max_len) || number > UINT8_MAX)
        return false;
    ret_pin->reference = (uint8_t)number;
    ret_pin->digits = kind == PIN_TYPE_ASCII || kind == PIN_TYPE_BCD;
    ret_pin->unblocking = tlv_bit(flags, PIN_UNBLOCKING);
    return ret_pin->unblocking || !tlv_bit(flags, PIN_SECURITY_OFFICER);
}

void p15_read_aodf(struct span aodf, struct p15_pins *pins)
{
    struct tlv entry;

    while (pins->n < P15_OBJECTS_MAX && tlv_next(&aodf, &entry) == TLV_FOUND) {
        struct object object;
        struct p15_pin pin;

        if (open_object(&entry, &object) && read_pin(&object, &pin))
            pins->list[pins->n++] = pin;
    }
}

/* CommonKeyAttributes ::= { iD, usage, native?, accessFlags?, keyReference?, … } */
static bool read_key(const struct object *object, struct p15_key *ret_key)
{
    struct span in = object->class;
    struct span id;
    struct span usage;
    struct span skipped;
    struct span reference;
    bool private;
    uint32_t number;

    if (!tlv_take(&in, TAG_OCTET_STRING, &id) || !copy_id(id, &ret_key->id) ||
        !tlv_take(&in, TAG_BIT_STRING, &usage) ||
        !read_guard(object->common, &ret_key->auth_id, &private))
        return false;
    (void)tlv_take(&in, TAG_BOOLEAN, &skipped);
    (void)tlv_take(&in, TAG_BIT_STRING, &skipped);
    if (!tlv_take(&in, TAG_INTEGER, &reference) || reference.len == 0)
        return false;
    /* Cards write reference 82 as 02 01 82, a negative number for a strict reader. */
    if (reference.len == 1)
        number = reference.data[0];
    else if (!tlv_uint(reference, &number) || number > UINT8_MAX)
        return false;
    ret_key->reference = (uint8_t)number;
    copy_text(object->common, ret_key->label);
    ret_key->decrypts = tlv_bit(usage, USAGE_DECRYPT);
    ret_key->signs = tlv_bit(usage, USAGE_SIGN);
    ret_key->non_repudiation = tlv_bit(usage, USAGE_NON_REPUDIATION);
    return true;
}

void p15_read_prkdf(struct span prkdf, struct p15_keys *keys)
{
    struct tlv entry;

    while (keys->n < P15_OBJECTS_MAX && tlv_next(&prkdf, &entry) == TLV_FOUND) {
        struct object object;
        struct p15_key key;

        if (open_object(&entry, &object) && read_key(&object, &key))
            keys->list[keys->n++] = key;
    }
}

static bool read_certificate(const struct object *object, const struct file_path *application,
                             struct p15_certificate *ret_certificate)
{
    struct span class = object->class;
    struct span type = object->type;
    struct span id;

    copy_text(object->common, ret_certificate->label);
    return tlv_take(&class, TAG_OCTET_STRING, &id) && copy_id(id, &ret_certificate->id) &&
           read_path(&type, application, &ret_certificate->path);
}

void p15_read_cdf(struct span cdf, const struct file_path *application,
                  struct p15_certificates *certificates)
{
    struct tlv entry;

    while (certificates->n < P15_OBJECTS_MAX && tlv_next(&cdf, &entry) == TLV_FOUND) {
        struct object object;
        struct p15_certificate certificate;

        if (open_object(&entry, &object) && read_certificate(&object, application, &certificate))
            certificates->list[certificates->n++] = certificate;
    }
}

/* The value of an opaque object is a path, or a sequence of one. Anything else is no file. */
static bool read_data(const struct object *object, const struct file_path *application,
                      struct p15_data *ret_data)
{
    struct span type = object->type;
    struct p15_id guard;

    copy_text(object->common, ret_data->label);
    copy_text(object->class, ret_data->application);
    return ret_data->label[0] != '\0' && read_guard(object->common, &guard, &ret_data->private) &&
           (read_path(&type, application, &ret_data->path) ||
            read_path_content(type, application, &ret_data->path));
}

void p15_read_dodf(struct span dodf, const struct file_path *application,
                   struct p15_data_objects *objects)
{
    struct tlv entry;

    while (objects->n < P15_DATA_MAX && tlv_next(&dodf, &entry) == TLV_FOUND) {
        struct object object;
        struct p15_data data;

        if (open_object(&entry, &object) && read_data(&object, application, &data))
            objects->list[objects->n++] = data;
    }
}
