/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "pkcs11/code.h"
#include "pkcs11/file_memory.h"

#define APPLICATIONS_MAX 8
#define DIR_SFI          0x1E

static const struct file_path ef_dir = {4, {0x3F, 0x00, 0x2F, 0x00}};
static const uint8_t odf_id[] = {0x50, 0x31};

cps_error layout_read_file(struct transport *transport, file_select_fn select_path,
                           const struct file_path *path, const char *what, struct file *ret_file,
                           struct fail *fail)
{
    bool selected;

    return file_fetch(transport, select_path, path, what, NULL, ret_file, &selected, fail);
}

/* A code that so many typed digits can be. */
static bool takes_digits(const struct p15_pin *pin, uint32_t len)
{
    return pin->digits && pin->min_len <= len && pin->max_len >= len;
}

static bool is_cardholder_pin(const struct p15_pin *pin)
{
    return !pin->unblocking && takes_digits(pin, CODE_PIN_LEN);
}

/* The PIN and its PUK: the one that the PIN names, or the only one there is. */
static void set_codes(const struct p15_pins *pins, const struct p15_pin *pin, struct layout *layout)
{
    const struct p15_pin *puk = NULL;
    size_t puks = 0;
    bool named = false;

    for (size_t i = 0; i < pins->n; i++) {
        const struct p15_pin *candidate = &pins->list[i];

        if (!candidate->unblocking || !takes_digits(candidate, CODE_PUK_LEN))
            continue;
        puks++;
        if (!named)
            puk = candidate;
        named = named || (pin->unblocked_by.len > 0 &&
                          p15_id_equal(&candidate->auth_id, &pin->unblocked_by));
    }
    layout->has_pin = true;
    layout->pin_reference = pin->reference;
    layout->has_puk = named || puks == 1;
    layout->puk_reference = layout->has_puk ? puk->reference : 0;
}

cps_error layout_try(struct transport *transport, file_select_fn select_path,
                     const struct layout *usual, const struct file_path *authentications,
                     struct layout *ret_layout, struct fail *fail)
{
    struct file file;
    struct p15_pins pins = {.n = 0};
    const struct p15_pin *found = NULL;
    cps_error error = layout_read_file(transport, select_path, authentications,
                                       "authentication objects", &file, fail);

    if (error != CPS_OK)
        return error;
    p15_read_aodf(file_span(&file), &pins);
    for (size_t i = 0; i < pins.n; i++) {
        if (!is_cardholder_pin(&pins.list[i]))
            continue;
        if (found != NULL)
            return fail_set(fail, CPS_CARD_PROTOCOL, "several PINs in the usual layout");
        found = &pins.list[i];
    }
    if (found == NULL)
        return fail_set(fail, CPS_CARD_PROTOCOL, "no PIN in the usual layout");
    *ret_layout = *usual;
    set_codes(&pins, found, ret_layout);
    return CPS_OK;
}

/* One walk: too large for a stack. What an application's files hold is forgotten for the next. */
struct walk {
    struct transport *transport;
    file_select_fn select_path;
    struct file file;
    struct p15_application applications[APPLICATIONS_MAX];
    struct p15_directory directory;
    struct objects {
        struct p15_pins pins;
        struct p15_keys keys;
        struct p15_certificates certificates;
    } objects;
};

static cps_error read_path(struct walk *walk, const struct file_path *path, const char *what,
                           struct fail *fail)
{
    return layout_read_file(walk->transport, walk->select_path, path, what, &walk->file, fail);
}

static cps_error read_objects(struct walk *walk, const struct file_path *application,
                              struct fail *fail)
{
    const struct p15_directory *directory = &walk->directory;
    struct objects *objects = &walk->objects;
    cps_error error = CPS_OK;

    for (size_t i = 0; error == CPS_OK && i < directory->authentications.n; i++) {
        error =
            read_path(walk, &directory->authentications.paths[i], "authentication objects", fail);
        if (error == CPS_OK)
            p15_read_aodf(file_span(&walk->file), &objects->pins);
    }
    for (size_t i = 0; error == CPS_OK && i < directory->private_keys.n; i++) {
        error = read_path(walk, &directory->private_keys.paths[i], "private keys", fail);
        if (error == CPS_OK)
            p15_read_prkdf(file_span(&walk->file), &objects->keys);
    }
    for (size_t i = 0; error == CPS_OK && i < directory->certificates.n; i++) {
        error = read_path(walk, &directory->certificates.paths[i], "certificates", fail);
        if (error == CPS_OK)
            p15_read_cdf(file_span(&walk->file), application, &objects->certificates);
    }
    return error;
}

static const struct p15_pin *pin_of(const struct objects *objects, const struct p15_key *key)
{
    for (size_t i = 0; key->auth_id.len > 0 && i < objects->pins.n; i++) {
        const struct p15_pin *pin = &objects->pins.list[i];

        if (p15_id_equal(&pin->auth_id, &key->auth_id) && is_cardholder_pin(pin))
            return pin;
    }
    return NULL;
}

static const struct p15_certificate *certificate_of(const struct objects *objects,
                                                    const struct p15_key *key)
{
    for (size_t i = 0; i < objects->certificates.n; i++)
        if (p15_id_equal(&objects->certificates.list[i].id, &key->id))
            return &objects->certificates.list[i];
    return NULL;
}

static bool is_for(const struct p15_key *key, enum key_usage usage)
{
    if (usage == USAGE_SIGNATURE)
        return key->non_repudiation;
    return key->signs && !key->non_repudiation &&
           (key->auth_id.len > 0) == (usage == USAGE_AUTHENTICATION);
}

/*
 * The first key of that usage that has a certificate and, unless it is technical, a PIN. All keys
 * have the same PIN, that of the first one chosen.
 */
static void choose(const struct objects *objects, enum key_usage usage, struct layout *layout)
{
    for (size_t i = 0; i < objects->keys.n && !layout->keys[usage].present; i++) {
        const struct p15_key *key = &objects->keys.list[i];
        const struct p15_pin *pin = pin_of(objects, key);
        const struct p15_certificate *certificate = certificate_of(objects, key);
        struct layout_key chosen = {.present = true, .reference = key->reference, .id = key->id};

        if (!is_for(key, usage) || certificate == NULL ||
            (pin == NULL && usage != USAGE_TECHNICAL) ||
            (pin != NULL && layout->has_pin && pin->reference != layout->pin_reference))
            continue;
        if (pin != NULL)
            set_codes(&objects->pins, pin, layout);
        chosen.certificate = certificate->path;
        memcpy(chosen.label, key->label, sizeof chosen.label);
        memcpy(chosen.certificate_label, certificate->label, sizeof chosen.certificate_label);
        layout->keys[usage] = chosen;
    }
}

static cps_error walk_application(struct walk *walk, const struct file_path *application,
                                  enum key_usage wanted, struct layout *ret_layout,
                                  struct fail *fail)
{
    struct file_path path;
    cps_error error;

    if (!file_path_join(application, (struct span){odf_id, sizeof odf_id}, &path))
        return fail_set(fail, CPS_CARD_PROTOCOL, "path of an application too long");
    error = read_path(walk, &path, "object directory", fail);
    if (error != CPS_OK)
        return error;
    memset(&walk->directory, 0, sizeof walk->directory);
    memset(&walk->objects, 0, sizeof walk->objects);
    p15_read_odf(file_span(&walk->file), application, &walk->directory);
    if (wanted != USAGE_TECHNICAL && walk->directory.authentications.n == 0)
        return fail_set(fail, CPS_CARD_PROTOCOL, "application without PIN");
    error = read_objects(walk, application, fail);
    if (error != CPS_OK)
        return error;
    choose(&walk->objects, wanted, ret_layout);
    for (int usage = 0; usage < KEY_USAGES; usage++)
        choose(&walk->objects, (enum key_usage)usage, ret_layout);
    if (!ret_layout->keys[wanted].present)
        return fail_set(fail, CPS_CARD_PROTOCOL, "no key to authenticate with, or not all of it");
    ret_layout->application = *application;
    ret_layout->data = walk->directory.data;
    return CPS_OK;
}

/* The applications of EF.DIR, that one in front wherever the card put it. */
static size_t list_applications(struct span dir, struct span aid, struct p15_application *list)
{
    size_t n = 0;

    while (n < APPLICATIONS_MAX && p15_next_application(&dir, &list[n])) {
        struct p15_application found = list[n];

        if (found.aid.len == aid.len && memcmp(found.aid.bytes, aid.data, aid.len) == 0) {
            memmove(list + 1, list, n * sizeof list[0]);
            list[0] = found;
        }
        n++;
    }
    return n;
}

/*
 * EF.DIR by its short identifier saves a selection when the root is current; only what looks like
 * applications is believed, the path is the way that always works.
 */
static cps_error read_applications(struct walk *walk, struct span aid, size_t *ret_n,
                                   struct fail *fail)
{
    struct apdu_answer answer;
    struct span dir;
    cps_error error;

    if (!file_memory_find(walk->transport->memory, &ef_dir, &dir)) {
        error = file_read_short(walk->transport, DIR_SFI, APDU_LE_MAX, &answer, fail);
        if (error != CPS_OK)
            return error;
        dir = (struct span){answer.data, answer.len};
        if (dir.len < APDU_LE_MAX)
            *ret_n = list_applications(dir, aid, walk->applications);
        if (*ret_n > 0)
            file_memory_note(walk->transport->memory, &ef_dir, dir);
        if (*ret_n > 0)
            return CPS_OK;
    }
    error = read_path(walk, &ef_dir, "application directory", fail);
    if (error == CPS_OK)
        *ret_n = list_applications(file_span(&walk->file), aid, walk->applications);
    return error;
}

static struct walk *walk_new(struct transport *transport, file_select_fn select_path)
{
    struct walk *walk = calloc(1, sizeof *walk);

    if (walk != NULL) {
        walk->transport = transport;
        walk->select_path = select_path;
    }
    return walk;
}

cps_error layout_walk_application(struct transport *transport, file_select_fn select_path,
                                  const struct file_path *application, enum key_usage wanted,
                                  struct layout *ret_layout, struct fail *fail)
{
    AUTO_FREE struct walk *walk = walk_new(transport, select_path);
    struct layout layout = {.usual = false};
    cps_error error;

    if (walk == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    error = walk_application(walk, application, wanted, &layout, fail);
    if (error == CPS_OK)
        *ret_layout = layout;
    return error;
}

cps_error layout_walk(struct transport *transport, file_select_fn select_path, struct span aid,
                      enum key_usage wanted, struct layout *ret_layout, struct fail *fail)
{
    AUTO_FREE struct walk *walk = walk_new(transport, select_path);
    size_t n = 0;
    cps_error error;

    if (walk == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    error = read_applications(walk, aid, &n, fail);
    if (error != CPS_OK)
        return error;
    error = fail_set(fail, CPS_CARD_PROTOCOL, "no application in the directory");
    for (size_t i = 0; i < n && error == CPS_CARD_PROTOCOL; i++) {
        struct layout layout = {.usual = false};

        error = walk_application(walk, &walk->applications[i].path, wanted, &layout, fail);
        if (error == CPS_OK)
            *ret_layout = layout;
    }
    return error;
}
