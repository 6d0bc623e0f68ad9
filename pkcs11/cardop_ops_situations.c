/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operation on practice situations: reads the CPS_* objects one by one, and lets other programs
 * have the card between two of them. An object that cannot be read is left out.
 */
#include "pkcs11/cardop_ops.h"
#include "pkcs11/cps_objects.h"

static cps_error list_objects(struct cardop *cardop, struct card_objects *ret_objects,
                              struct fail *fail)
{
    const struct card_driver *driver;
    cps_error error = cardop_begin(cardop, fail);

    if (error != CPS_OK)
        return error;
    driver = cardop->card->driver;
    if (driver->objects == NULL || driver->read_object == NULL)
        error = cardop_lacks(cardop, "data objects", fail);
    else
        error = driver->objects(cardop->card, ret_objects, fail);
    cardop_end(cardop);
    return error;
}

/* An object that the card refuses or garbles is no reason to give up the others. */
static bool is_of_one_object(cps_error error)
{
    return error == CPS_CARD_PROTOCOL || error == CPS_CARD_UNSUPPORTED;
}

static cps_error read_one(struct cardop *cardop, const char *label, json_t *situations,
                          json_t *info, struct fail *fail)
{
    unsigned number = cps_activity_number(label);
    struct file value = {.len = 0};
    cps_error error = cardop_begin(cardop, fail);

    if (error != CPS_OK)
        return error;
    error = cardop->card->driver->read_object(cardop->card, label, &value, fail);
    cardop_end(cardop);
    if (error != CPS_OK)
        return is_of_one_object(error) ? CPS_OK : error;
    if (number == 0)
        cps_info_add(info, label, file_span(&value));
    else if (json_array_append_new(situations, cps_activity_parse(number, file_span(&value))) < 0)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    return CPS_OK;
}

cps_error cardop_op_situations(struct cardop *cardop, const struct worker_request *request,
                               json_t **ret_result, struct fail *fail)
{
    AUTO_JSON json_t *situations = json_array();
    AUTO_JSON json_t *info = json_object();
    bool wants_info = json_get_bool(request->params, "info", true);
    struct card_objects objects = {.n = 0};
    cps_error error = list_objects(cardop, &objects, fail);

    for (size_t i = 0; error == CPS_OK && i < objects.n; i++) {
        const char *label = objects.list[i].label;

        if ((wants_info && cps_info_label(label)) ||
            (cps_activity_number(label) != 0 && json_array_size(situations) < CPS_ACTIVITIES_MAX))
            error = read_one(cardop, label, situations, info, fail);
    }
    if (error != CPS_OK)
        return error;
    return cardop_result(json_pack("{s:O, s:O}", "situations", situations, "info", info),
                         ret_result, fail);
}
