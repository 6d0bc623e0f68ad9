/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cps3.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "pkcs11/p15.h"

#define APPLICATIONS_MAX 8
#define DIR_SFI          0x1E

static const struct file_path ef_dir = {4, {0x3F, 0x00, 0x2F, 0x00}};
static const uint8_t odf_id[] = {0x50, 0x31};

/* The application of the contact interface, as cards seen so far name it: walked first. */
static const uint8_t contact_aid[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                      0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};

static const struct {
    struct file_path application;
    struct file_path authentications;
    struct cps3_layout layout;
} usual = {
    .application = {4, {0x3F, 0x00, 0x00, 0x01}},
    .authentications = {6, {0x3F, 0x00, 0x00, 0x01, 0x70, 0x01}},
    .layout = {.application = {4, {0x3F, 0x00, 0x00, 0x01}},
               .certificate = {6, {0x3F, 0x00, 0x00, 0x01, 0xA0, 0x02}},
               .key_reference = 0x82,
               .usual = true,
               .label = "Certificat d'Authentification CPS"},
};

static cps_error read_path(struct transport *transport, const struct file_path *path,
                           const char *what, struct file *ret_file, struct fail *fail)
{
    uint16_t sw;
    cps_error error = file_select(transport, path, &sw, fail);

    if (error == CPS_OK && sw != APDU_SW_OK)
        error = apdu_refused(what, sw, fail);
    if (error == CPS_OK)
        error = file_read(transport, what, NULL, ret_file, fail);
    return error;
}

/* A PIN that four typed digits can be. */
static bool is_cardholder_pin(const struct p15_pin *pin)
{
    return pin->digits && pin->min_len <= CPS3_PIN_LEN && pin->max_len >= CPS3_PIN_LEN;
}

cps_error cps3_layout_usual(struct transport *transport, struct cps3_layout *ret_layout,
                            struct fail *fail)
{
    struct file file;
    struct p15_pins pins = {.n = 0};
    const struct p15_pin *found = NULL;
    cps_error error =
        read_path(transport, &usual.authentications, "authentication objects", &file, fail);

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
    *ret_layout = usual.layout;
    ret_layout->pin_reference = found->reference;
    return CPS_OK;
}

/* One walk: too large for a stack. What an application's files hold is forgotten for the next. */
struct walk {
    struct transport *transport;
    struct file file;
    struct p15_application applications[APPLICATIONS_MAX];
    struct p15_directory directory;
    struct objects {
        struct p15_pins pins;
        struct p15_keys keys;
        struct p15_certificates certificates;
    } objects;
};

static cps_error read_objects(struct walk *walk, const struct file_path *application,
                              struct fail *fail)
{
    const struct p15_directory *directory = &walk->directory;
    struct objects *objects = &walk->objects;
    cps_error error = CPS_OK;

    for (size_t i = 0; error == CPS_OK && i < directory->authentications.n; i++) {
        error = read_path(walk->transport, &directory->authentications.paths[i],
                          "authentication objects", &walk->file, fail);
        if (error == CPS_OK)
            p15_read_aodf(file_span(&walk->file), &objects->pins);
    }
    for (size_t i = 0; error == CPS_OK && i < directory->private_keys.n; i++) {
        error = read_path(walk->transport, &directory->private_keys.paths[i], "private keys",
                          &walk->file, fail);
        if (error == CPS_OK)
            p15_read_prkdf(file_span(&walk->file), &objects->keys);
    }
    for (size_t i = 0; error == CPS_OK && i < directory->certificates.n; i++) {
        error = read_path(walk->transport, &directory->certificates.paths[i], "certificates",
                          &walk->file, fail);
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

/* The first key that signs without non-repudiation, with the PIN that guards it and its twin. */
static bool choose(const struct objects *objects, struct cps3_layout *layout)
{
    for (size_t i = 0; i < objects->keys.n; i++) {
        const struct p15_key *key = &objects->keys.list[i];
        const struct p15_pin *pin = pin_of(objects, key);
        const struct p15_certificate *certificate = certificate_of(objects, key);

        if (!key->signs || key->non_repudiation || pin == NULL || certificate == NULL)
            continue;
        layout->certificate = certificate->path;
        layout->pin_reference = pin->reference;
        layout->key_reference = key->reference;
        layout->usual = false;
        memcpy(layout->label, certificate->label, sizeof layout->label);
        return true;
    }
    return false;
}

static cps_error walk_application(struct walk *walk, const struct p15_application *application,
                                  struct cps3_layout *ret_layout, struct fail *fail)
{
    struct file_path path;
    cps_error error;

    if (!file_path_join(&application->path, (struct span){odf_id, sizeof odf_id}, &path))
        return fail_set(fail, CPS_CARD_PROTOCOL, "path of an application too long");
    error = read_path(walk->transport, &path, "object directory", &walk->file, fail);
    if (error != CPS_OK)
        return error;
    memset(&walk->directory, 0, sizeof walk->directory);
    memset(&walk->objects, 0, sizeof walk->objects);
    p15_read_odf(file_span(&walk->file), &application->path, &walk->directory);
    if (walk->directory.authentications.n == 0)
        return fail_set(fail, CPS_CARD_PROTOCOL, "application without PIN");
    error = read_objects(walk, &application->path, fail);
    if (error == CPS_OK && !choose(&walk->objects, ret_layout))
        error = fail_set(fail, CPS_CARD_PROTOCOL,
                         "no authentication key with its PIN and its certificate");
    ret_layout->application = application->path;
    return error;
}

static bool is_contact(const struct p15_application *application)
{
    return application->aid.len == sizeof contact_aid &&
           memcmp(application->aid.bytes, contact_aid, sizeof contact_aid) == 0;
}

/* The applications of EF.DIR, the contact one in front wherever the card put it. */
static size_t list_applications(struct span dir, struct p15_application *list)
{
    size_t n = 0;

    while (n < APPLICATIONS_MAX && p15_next_application(&dir, &list[n])) {
        struct p15_application found = list[n];

        if (is_contact(&found)) {
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
static cps_error read_applications(struct walk *walk, size_t *ret_n, struct fail *fail)
{
    struct apdu_answer answer;
    cps_error error = file_read_short(walk->transport, DIR_SFI, APDU_LE_MAX, &answer, fail);

    if (error != CPS_OK)
        return error;
    if (answer.len < APDU_LE_MAX)
        *ret_n = list_applications((struct span){answer.data, answer.len}, walk->applications);
    if (*ret_n > 0)
        return CPS_OK;
    error = read_path(walk->transport, &ef_dir, "application directory", &walk->file, fail);
    if (error == CPS_OK)
        *ret_n = list_applications(file_span(&walk->file), walk->applications);
    return error;
}

cps_error cps3_layout_walk(struct transport *transport, struct cps3_layout *ret_layout,
                           struct fail *fail)
{
    AUTO_FREE struct walk *walk = calloc(1, sizeof *walk);
    size_t n = 0;
    cps_error error;

    if (walk == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    walk->transport = transport;
    error = read_applications(walk, &n, fail);
    if (error != CPS_OK)
        return error;
    error = fail_set(fail, CPS_CARD_PROTOCOL, "no application in the directory");
    for (size_t i = 0; i < n && error == CPS_CARD_PROTOCOL; i++) {
        struct cps3_layout layout = {.usual = false};

        error = walk_application(walk, &walk->applications[i], &layout, fail);
        if (error == CPS_OK)
            *ret_layout = layout;
    }
    return error;
}
