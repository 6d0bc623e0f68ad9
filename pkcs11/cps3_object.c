/* SPDX-License-Identifier: Apache-2.0 */
/* Data objects of a CPS3. Their list is kept, their content never: others may write it. */
#include "pkcs11/cps3.h"

#include <stdlib.h>
#include <string.h>

#include "base/util.h"

static const uint8_t odf_id[] = {0x50, 0x31};

static cps_error read_whole(struct cps3 *cps3, const struct file_path *path, const char *what,
                            struct file *ret_file, struct fail *fail)
{
    cps_error error = cps3_select(cps3, path, what, fail);

    return error == CPS_OK ? file_read(cps3->card.transport, what, NULL, ret_file, fail) : error;
}

/* A usual layout does not tell where the directory of data objects is: the card does. */
static cps_error find_directory(struct cps3 *cps3, struct file *file, struct fail *fail)
{
    struct p15_directory directory = {.data.n = 0};
    struct file_path path;
    cps_error error;

    if (!cps3->layout.usual)
        return CPS_OK;
    if (!file_path_join(&cps3->layout.application, (struct span){odf_id, sizeof odf_id}, &path))
        return fail_set(fail, CPS_INTERNAL, "path of an application too long");
    error = read_whole(cps3, &path, "object directory", file, fail);
    if (error != CPS_OK)
        return error;
    p15_read_odf(file_span(file), &cps3->layout.application, &directory);
    cps3->layout.data = directory.data;
    return CPS_OK;
}

static cps_error need_objects(struct cps3 *cps3, struct fail *fail)
{
    AUTO_FREE struct file *file = NULL;
    cps_error error = cps3_need_layout(cps3, fail);

    if (error != CPS_OK || cps3->has_objects)
        return error;
    file = malloc(sizeof *file);
    if (file == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    cps3->objects.n = 0;
    error = find_directory(cps3, file, fail);
    for (size_t i = 0; error == CPS_OK && i < cps3->layout.data.n; i++) {
        error = read_whole(cps3, &cps3->layout.data.paths[i], "data objects", file, fail);
        if (error == CPS_OK)
            p15_read_dodf(file_span(file), &cps3->layout.application, &cps3->objects);
    }
    /* A read that went wrong unseen looks like no object: that is not remembered. */
    cps3->has_objects = error == CPS_OK && cps3->objects.n > 0;
    return error;
}

cps_error cps3_objects(struct card *card, struct card_objects *ret_objects, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    cps_error error;

    cps3_sync(cps3);
    error = need_objects(cps3, fail);
    if (error != CPS_OK)
        return error;
    ret_objects->n = 0;
    for (size_t i = 0; i < cps3->objects.n && i < CARD_OBJECTS_MAX; i++) {
        const struct p15_data *from = &cps3->objects.list[i];
        struct card_object *to = &ret_objects->list[ret_objects->n++];

        memcpy(to->label, from->label, sizeof to->label);
        memcpy(to->application, from->application, sizeof to->application);
        to->private = from->private;
    }
    return CPS_OK;
}

static const struct p15_data *find(const struct cps3 *cps3, const char *label)
{
    for (size_t i = 0; i < cps3->objects.n; i++)
        if (strcmp(cps3->objects.list[i].label, label) == 0)
            return &cps3->objects.list[i];
    return NULL;
}

cps_error cps3_read_object(struct card *card, const char *label, struct file *ret_value,
                           struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    struct fail lost = FAIL_INIT;
    const struct p15_data *object;
    cps_error error;

    cps3_sync(cps3);
    error = need_objects(cps3, fail);
    if (error != CPS_OK)
        return error;
    object = find(cps3, label);
    if (object == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "the card has no such object");
    if (object->private && !cps3->verified)
        return fail_set(fail, CPS_PIN_REQUIRED, "a private object");
    error = read_whole(cps3, &object->path, "data object", ret_value, fail);
    /* Nothing in PC/SC need have told that the card forgot the PIN. */
    if (error == CPS_CARD_PROTOCOL && object->private &&
        cps3_check_pin(cps3, USAGE_AUTHENTICATION, &lost) != CPS_OK) {
        *fail = lost;
        return lost.code;
    }
    return error;
}
