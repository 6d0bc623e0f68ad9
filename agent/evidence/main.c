/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cps-evidence: keeps the evidence log on disk and hands copies to the machine's log. Disks may be
 * slow, full or on a network that is gone: this process waits for them so that the agent need not.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/evidence/export.h"
#include "agent/evidence/store.h"
#include "base/confine.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"
#include "base/worker.h"

struct keeper {
    struct store *store; /* NULL until open */
    enum export_target target;
};

static cps_error op_open(struct keeper *keeper, const json_t *params, json_t *result,
                         struct fail *fail)
{
    const char *directory = json_get_string(params, "directory");
    const char *export = json_get_string(params, "export");
    struct store_limits limits = {json_get_int(params, "file_bytes", 0),
                                  json_get_int(params, "keep_s", 0)};
    const char *damage;

    if (keeper->store != NULL || directory == NULL || export == NULL || limits.file_bytes <= 0 ||
        limits.keep_s <= 0 || !export_from_name(export, &keeper->target))
        return fail_set(fail, CPS_INVALID_PARAMS, "open");
    if (store_open(directory, limits, &keeper->store, fail) != CPS_OK)
        return fail->code;
    damage = store_damage(keeper->store);
    if (damage != NULL)
        json_object_set_new(result, "damage", json_string(damage));
    json_object_set_new(result, "seq", json_integer(store_head(keeper->store)->seq));
    json_object_set_new(result, "hash", json_string(store_head(keeper->store)->hash));
    return CPS_OK;
}

static cps_error op_append(struct keeper *keeper, const json_t *params, json_t *result,
                           struct fail *fail)
{
    const json_t *lines = json_get_array(params, "lines");
    unsigned not_copied;
    int64_t expired;

    if (keeper->store == NULL || lines == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "lines");
    if (store_append(keeper->store, lines, fail) != CPS_OK)
        return fail->code;
    not_copied = export_lines(keeper->target, lines);
    if (not_copied > 0)
        json_object_set_new(result, "not_copied", json_integer(not_copied));
    expired = store_expired(keeper->store);
    if (expired > 0)
        json_object_set_new(result, "first_kept", json_integer(expired));
    return CPS_OK;
}

static cps_error op_purge(struct keeper *keeper, const json_t *params, json_t *result,
                          struct fail *fail)
{
    (void)result;
    if (keeper->store == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "not open");
    return store_purge(keeper->store, json_get_int(params, "first_kept", 0), fail);
}

static cps_error handle(struct keeper *keeper, const struct worker_request *request, json_t *result,
                        struct fail *fail)
{
    if (strcmp(request->op, "open") == 0)
        return op_open(keeper, request->params, result, fail);
    if (strcmp(request->op, "append") == 0)
        return op_append(keeper, request->params, result, fail);
    if (strcmp(request->op, "purge") == 0)
        return op_purge(keeper, request->params, result, fail);
    return fail_set(fail, CPS_METHOD_NOT_FOUND, "%s", request->op);
}

int main(void)
{
    struct keeper keeper = {0};

    worker_ends_with_agent();
    worker_init(PROTO_EVIDENCE, CONFINE_WRITE);
    for (;;) {
        AUTO_REQUEST struct worker_request request = WORKER_REQUEST_INIT;
        AUTO_JSON json_t *result = json_object();
        struct fail fail = FAIL_INIT;

        if (worker_next(&request) <= 0)
            return EXIT_FAILURE;
        if (handle(&keeper, &request, result, &fail) == CPS_OK)
            worker_reply(request.id, TAKE_PTR(result));
        else
            worker_fail(request.id, &fail);
    }
}
