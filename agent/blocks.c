/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/blocks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/identity.h"
#include "agent/trust/blocklist.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

struct blocks {
    char path[PATH_MAX];
    struct blocklist *list;
    struct fail fail; /* why the file is not what is in use; CPS_OK: it is */
};

struct blocks *blocks_new(const char *config_dir)
{
    struct blocks *blocks = calloc(1, sizeof *blocks);
    char text[512];

    if (blocks == NULL)
        return NULL;
    blocks->fail = (struct fail)FAIL_INIT;
    snprintf(blocks->path, sizeof blocks->path, "%s/" BLOCKLIST_FILE, config_dir);
    if (blocklist_read(blocks->path, &blocks->list, &blocks->fail) != CPS_OK) {
        fail_describe(&blocks->fail, text, sizeof text);
        log_error("block list, only in part in force: %s", text);
    }
    return blocks;
}

void blocks_free(struct blocks *blocks)
{
    if (blocks == NULL)
        return;
    blocklist_free(blocks->list);
    free(blocks);
}

cps_error blocks_reload(struct blocks *blocks, struct fail *fail)
{
    struct blocklist *list = NULL;

    if (blocklist_read(blocks->path, &list, fail) != CPS_OK) {
        blocklist_free(list);
        blocks->fail = *fail;
        return fail->code;
    }
    blocks->fail = (struct fail)FAIL_INIT;
    blocklist_free(blocks->list);
    blocks->list = list;
    return CPS_OK;
}

static cps_error check(const struct blocks *blocks, enum blocked_kind kind, const char *value,
                       struct fail *fail)
{
    if (value == NULL || blocklist_find(blocks->list, kind, value) == NULL)
        return CPS_OK;
    return fail_reason(fail, CPS_BLOCKED_LOCALLY, blocked_kind_name(kind),
                       "%s is on the block list of this machine", blocked_kind_name(kind));
}

cps_error blocks_check_person(const struct blocks *blocks, const json_t *holder, struct fail *fail)
{
    return check(blocks, BLOCKED_PERSON, json_get_string(holder, "national_id"), fail);
}

cps_error blocks_check_card(const struct blocks *blocks, const struct card *card, struct fail *fail)
{
    AUTO_FREE char *serial = identity_serial(card_certificate(card));
    cps_error error = check(blocks, BLOCKED_CARD, card_serial(card), fail);

    if (error == CPS_OK)
        error = check(blocks, BLOCKED_CERTIFICATE, serial, fail);
    if (error == CPS_OK)
        error = blocks_check_person(blocks, card_holder(card), fail);
    return error;
}

json_t *blocks_json(const struct blocks *blocks)
{
    json_t *json = json_pack("{s:I}", "entries", (json_int_t)blocks->list->n);
    char text[512];

    if (blocks->fail.code != CPS_OK) {
        fail_describe(&blocks->fail, text, sizeof text);
        json_object_set_new(json, "error", json_string(text));
    }
    return json;
}
