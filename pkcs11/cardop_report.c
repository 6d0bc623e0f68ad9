/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "pkcs11/cardop_ops.h"
#include "pkcs11/report.h"

/* Readers' names may hold the reader's serial number, in brackets. */
static json_t *model_of(const char *reader)
{
    size_t len = strcspn(reader, "([");

    while (len > 0 && reader[len - 1] == ' ')
        len--;
    return json_stringn(reader, len);
}

static void cleanup_transport(struct transport **transport)
{
    transport_free(*transport);
}

/* With a connection of its own: of a card that no driver knows, too. */
cps_error cardop_op_report(struct cardop *cardop, const struct worker_request *request,
                           json_t **ret_result, struct fail *fail)
{
    CLEANUP(cleanup_transport) struct transport *transport = NULL;
    const char *reader = json_get_string(request->params, "reader");
    cps_error error;

    if (reader == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "reader");
    error = cardop->connect(reader, &transport, fail);
    if (error == CPS_OK)
        error = report_card(transport, ret_result, fail);
    if (error == CPS_OK)
        json_object_set_new(*ret_result, "reader_model", model_of(reader));
    return error;
}
