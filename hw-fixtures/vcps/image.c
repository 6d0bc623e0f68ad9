/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <jansson.h>
#include <openssl/pem.h>
#include <stdarg.h>
#include <string.h>

/* Where we are and where complaints go. */
struct loader {
    const char *dir;
    char *err;
    size_t err_len;
};

static bool __attribute__((format(printf, 2, 3))) complain(struct loader *l, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(l->err, l->err_len, fmt, ap);
    va_end(ap);
    return false;
}

static bool get_text(struct loader *l, const json_t *o, const char *name, char *out, size_t cap)
{
    const char *s = json_string_value(json_object_get(o, name));

    if (!s || strlen(s) >= cap)
        return complain(l, "%s: missing, not text or too long", name);
    memcpy(out, s, strlen(s) + 1);
    return true;
}

static bool get_hex(struct loader *l, const json_t *o, const char *name, uint8_t *out, size_t cap,
                    size_t *ret_len)
{
    const char *s = json_string_value(json_object_get(o, name));

    if (!s || !hex_decode(s, out, cap, ret_len))
        return complain(l, "%s: not hexadecimal, or too long", name);
    return true;
}

static bool get_fid(struct loader *l, const json_t *o, const char *name, uint16_t *ret_fid)
{
    const char *s = json_string_value(json_object_get(o, name));

    if (!s || !hex_u16(s, ret_fid))
        return complain(l, "%s: not a file identifier", name);
    return true;
}

static bool get_byte(struct loader *l, const json_t *o, const char *name, uint8_t *ret_byte)
{
    size_t n = 0;

    if (!get_hex(l, o, name, ret_byte, 1, &n) || n != 1)
        return complain(l, "%s: not one byte", name);
    return true;
}

/* Finds the text member `name` in `names`, index in *ret_index. */
static bool get_enum(struct loader *l, const json_t *o, const char *name, const char *const *names,
                     size_t n, unsigned *ret_index)
{
    const char *s = json_string_value(json_object_get(o, name));

    for (unsigned i = 0; s && i < n; i++) {
        if (strcmp(s, names[i]) == 0) {
            *ret_index = i;
            return true;
        }
    }
    return complain(l, "%s: unknown value", name);
}

static FILE *open_beside(struct loader *l, const json_t *o, const char *name)
{
    char path[4096];
    const char *file = json_string_value(json_object_get(o, name));

    if (!file || strchr(file, '/') ||
        (size_t)snprintf(path, sizeof(path), "%s/%s", l->dir, file) >= sizeof(path)) {
        complain(l, "%s: not a file name", name);
        return NULL;
    }
    FILE *f = fopen(path, "re");
    if (!f)
        complain(l, "%s: cannot open", path);
    return f;
}

static bool load_key_files(struct loader *l, const json_t *o, struct image_key *k)
{
    FILE *pem CLEANUP(util_fclose) = open_beside(l, o, "key");
    FILE *der CLEANUP(util_fclose) = open_beside(l, o, "certificate");
    if (!pem || !der)
        return false;

    k->pkey = PEM_read_PrivateKey(pem, NULL, NULL, NULL);
    k->cert = malloc(0x8000);
    if (!k->pkey || !k->cert || EVP_PKEY_get_bits(k->pkey) != 2048)
        return complain(l, "not an RSA-2048 private key in PEM");
    k->cert_len = fread(k->cert, 1, 0x8000, der);
    if (k->cert_len == 0 || k->cert_len == 0x8000)
        return complain(l, "certificate: empty or larger than an elementary file");
    return true;
}

static bool load_key(struct loader *l, const json_t *o, struct image_key *k)
{
    static const char *const uses[] = {"sig", "aut", "tech"};
    unsigned use;

    if (!get_enum(l, o, "use", uses, 3, &use) || !get_byte(l, o, "id", &k->id) ||
        !get_byte(l, o, "reference", &k->reference) ||
        !get_fid(l, o, "certificate_file", &k->cert_fid) ||
        !get_fid(l, o, "public_key_file", &k->pub_fid))
        return false;
    k->use = (enum key_use)use;
    return load_key_files(l, o, k);
}

static bool load_data(struct loader *l, const json_t *o, struct image_data *d)
{
    static const char *const rules[] = {"always", "pin", "never"};
    unsigned rd, up;

    if (!get_text(l, o, "label", d->label, sizeof(d->label)) || !get_fid(l, o, "file", &d->fid) ||
        !get_enum(l, o, "read", rules, 3, &rd) || !get_enum(l, o, "update", rules, 3, &up))
        return false;
    d->read = (enum access)rd;
    d->update = (enum access)up;
    d->value = malloc(1024);
    return d->value && get_hex(l, o, "value", d->value, 1024, &d->len);
}

static bool load_odf(struct loader *l, const json_t *list, struct image_app *app)
{
    static const char *const kinds[DF_KINDS] = {"aodf", "prkdf", "pukdf", "cdf", "dodf"};
    size_t i;
    const json_t *o;

    if (json_array_size(list) > DF_KINDS)
        return complain(l, "odf: too many entries");
    json_array_foreach (list, i, o) {
        unsigned kind;
        if (!get_enum(l, o, "kind", kinds, DF_KINDS, &kind) ||
            !get_fid(l, o, "file", &app->odf[i].fid))
            return false;
        app->odf[i].kind = (enum df_kind)kind;
        app->n_odf++;
    }
    return true;
}

static bool load_app(struct loader *l, const json_t *o, struct image_app *app)
{
    size_t i;
    const json_t *item;
    const json_t *keys = json_object_get(o, "keys"), *data = json_object_get(o, "data");

    app->contactless = json_is_true(json_object_get(o, "contactless"));
    app->cdf_reverse = json_is_true(json_object_get(o, "cdf_reverse"));
    if (!get_hex(l, o, "aid", app->aid, sizeof(app->aid), &app->aid_len) ||
        !get_text(l, o, "label", app->label, sizeof(app->label)) ||
        !get_fid(l, o, "df", &app->df) || !load_odf(l, json_object_get(o, "odf"), app))
        return false;
    if (json_array_size(keys) > IMAGE_KEYS_MAX || json_array_size(data) > IMAGE_DATA_MAX)
        return complain(l, "too many keys or data objects");
    json_array_foreach (keys, i, item) {
        app->n_keys++;
        if (!load_key(l, item, &app->keys[i]))
            return false;
    }
    json_array_foreach (data, i, item) {
        app->n_data++;
        if (!load_data(l, item, &app->data[i]))
            return false;
    }
    return true;
}

static bool load_content(struct loader *l, const json_t *o, struct image *im)
{
    size_t i;
    const json_t *item;
    const json_t *apps = json_object_get(o, "applications");
    static const char *const interfaces[] = {"contact", "contactless"};
    char rule[5];
    unsigned interface;

    if (!get_text(l, o, "serial", im->serial, sizeof(im->serial)) ||
        !get_text(l, o, "pin", im->pin, sizeof(im->pin)) ||
        !get_text(l, o, "puk", im->puk, sizeof(im->puk)) ||
        !get_text(l, o, "short_read", rule, sizeof(rule)) ||
        !get_enum(l, o, "interface", interfaces, 2, &interface))
        return false;
    if (strlen(im->serial) != 8 || strspn(im->serial, "0123456789") != 8)
        return complain(l, "serial: eight digits");
    im->contactless = interface == 1;
    im->short_read_6c = strcmp(rule, "6C") == 0;
    if (json_array_size(apps) > IMAGE_APPS_MAX)
        return complain(l, "applications: too many");
    json_array_foreach (apps, i, item) {
        im->n_apps++;
        if (!load_app(l, item, &im->apps[i]))
            return false;
    }
    return true;
}

static bool load_card(struct loader *l, const json_t *o, struct image *im)
{
    static const char *const names[] = {"cps3", "cps4", "foreign", "mute"};
    unsigned personality;

    if (!get_text(l, o, "name", im->name, sizeof(im->name)) ||
        !get_enum(l, o, "personality", names, 4, &personality) ||
        !get_hex(l, o, "atr", im->atr, sizeof(im->atr), &im->atr_len))
        return false;
    im->personality = (enum personality)personality;
    im->protocol = json_integer_value(json_object_get(o, "protocol")) == 1;
    return !image_has_files(im) || load_content(l, o, im);
}

bool image_has_files(const struct image *im)
{
    return im->personality == PERSONALITY_CPS3 || im->personality == PERSONALITY_CPS4;
}

struct image *image_load(const char *dir, char *err, size_t err_len)
{
    struct loader l = {dir, err, err_len};
    char path[4096];
    json_error_t je;

    if ((size_t)snprintf(path, sizeof(path), "%s/card.json", dir) >= sizeof(path)) {
        complain(&l, "path too long");
        return NULL;
    }
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &je);
    if (!root) {
        complain(&l, "%s: %s", path, je.text);
        return NULL;
    }
    struct image *im = calloc(1, sizeof(*im));
    if (!im || !load_card(&l, root, im)) {
        image_free(im);
        im = NULL;
    }
    json_decref(root);
    return im;
}

void image_free(struct image *im)
{
    if (!im)
        return;
    for (size_t a = 0; a < im->n_apps; a++) {
        struct image_app *app = &im->apps[a];
        for (size_t i = 0; i < app->n_keys; i++) {
            EVP_PKEY_free(app->keys[i].pkey);
            free(app->keys[i].cert);
        }
        for (size_t i = 0; i < app->n_data; i++)
            free(app->data[i].value);
    }
    free(im);
}
