/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on data objects. */
#include "pkcs11/cardop_ops.h"

static json_t *objects_json(const struct card_objects *objects)
{
    AUTO_JSON json_t *list = json_array();

    for (size_t i = 0; i < objects->n; i++) {
        const struct card_object *object = &objects->list[i];

        if (json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "label", object->label,
                                                  "application", object->application, "private",
                                                  object->private)) < 0)
            return NULL;
    }
    return json_pack("{s:O}", "objects", list);
}

cps_error cardop_op_objects(struct cardop *cardop, const struct worker_request *request,
                            json_t **ret_result, struct fail *fail)
{
    struct card_objects objects = {.n = 0};
    cps_error error = cardop_begin(cardop, fail);

    (void)request;
    if (error != CPS_OK)
        return error;
    if (cardop->card->driver->objects == NULL)
        error = cardop_lacks(cardop, "data objects", fail);
    else
        error = cardop->card->driver->objects(cardop->card, &objects, fail);
    cardop_end(cardop);
    return error == CPS_OK ? cardop_result(objects_json(&objects), ret_result, fail) : error;
}

cps_error cardop_op_object(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail)
{
    const char *label = json_get_string(request->params, "label");
    struct file value = {.len = 0};
    cps_error error;

    if (label == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "label");
    error = cardop_begin(cardop, fail);
    if (error != CPS_OK)
        return error;
    if (cardop->card->driver->read_object == NULL)
        error = cardop_lacks(cardop, "data objects", fail);
    else
        error = cardop->card->driver->read_object(cardop->card, label, &value, fail);
    cardop_end(cardop);
    if (error != CPS_OK)
        return error;
    return cardop_result(json_pack("{s:o}", "value", cardop_bytes_json(file_span(&value))),
                         ret_result, fail);
}
