/* SPDX-License-Identifier: Apache-2.0 */
/* Data objects of a CPS4. Their list is kept, their contents never are. */
#include <string.h>

#include "pkcs11/cps4.h"

/* The list that the directories of the layout hold; an empty one proves no usual layout. */
static cps_error read_list(struct cps4 *cps4, struct fail *fail)
{
    const struct p15_files *directories = &cps4->layout.data;
    cps_error error = CPS_OK;

    cps4->objects.n = 0;
    for (size_t i = 0; error == CPS_OK && i < directories->n; i++) {
        struct file file;

        error = cps4_select(cps4, &directories->paths[i], "data objects", fail);
        if (error == CPS_OK)
            error = file_read(cps4->card.transport, "data objects", NULL, &file, fail);
        if (error == CPS_OK)
            p15_read_dodf(file_span(&file), &cps4->layout.application, &cps4->objects);
    }
    if (error == CPS_OK && cps4->layout.usual && cps4->objects.n == 0)
        error = fail_set(fail, CPS_CARD_PROTOCOL, "no data object where they usually are");
    cps4->has_objects = error == CPS_OK;
    return error;
}

static cps_error need_list(struct cps4 *cps4, struct fail *fail)
{
    cps_error error;

    cps4_sync(cps4);
    error = cps4_need_layout(cps4, fail);
    if (error != CPS_OK || cps4->has_objects)
        return error;
    error = read_list(cps4, fail);
    if (error == CPS_CARD_PROTOCOL && cps4->layout.usual) {
        error = cps4_walk(cps4, fail);
        if (error == CPS_OK)
            error = read_list(cps4, fail);
    }
    return error;
}

cps_error cps4_objects(struct card *card, struct card_objects *ret_objects, struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    cps_error error = need_list(cps4, fail);

    if (error != CPS_OK)
        return error;
    ret_objects->n = 0;
    for (size_t i = 0; i < cps4->objects.n && i < CARD_OBJECTS_MAX; i++) {
        const struct p15_data *object = &cps4->objects.list[i];
        struct card_object *told = &ret_objects->list[ret_objects->n++];

        memcpy(told->label, object->label, sizeof told->label);
        memcpy(told->application, object->application, sizeof told->application);
        told->private = object->private;
    }
    return CPS_OK;
}

static const struct p15_data *find(const struct cps4 *cps4, const char *label)
{
    for (size_t i = 0; i < cps4->objects.n; i++)
        if (strcmp(cps4->objects.list[i].label, label) == 0)
            return &cps4->objects.list[i];
    return NULL;
}

/* Asked for before anything of it is read, and once more when the card refuses. */
static cps_error check_pin(struct cps4 *cps4, struct fail *fail)
{
    struct card_pin pin;
    cps_error error = CPS_OK;

    if (cps4->verified)
        error = cps4_pin_status(&cps4->card, &pin, fail);
    if (error == CPS_OK && !cps4->verified)
        error = fail_set(fail, CPS_PIN_REQUIRED, "the object is private");
    return error;
}

cps_error cps4_read_object(struct card *card, const char *label, struct file *ret_value,
                           struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    const struct p15_data *object;
    struct fail lost = FAIL_INIT;
    cps_error error = need_list(cps4, fail);

    if (error != CPS_OK)
        return error;
    object = find(cps4, label);
    if (object == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no such object on this card");
    if (object->private && !cps4->verified)
        return check_pin(cps4, fail);
    error = cps4_select(cps4, &object->path, "data object", fail);
    if (error == CPS_OK)
        error = file_read(cps4->card.transport, "data object", NULL, ret_value, fail);
    if (error == CPS_CARD_PROTOCOL && object->private && check_pin(cps4, &lost) != CPS_OK) {
        *fail = lost;
        return lost.code;
    }
    return error;
}
