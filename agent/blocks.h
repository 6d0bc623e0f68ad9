/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local block list (agent/trust/blocklist.h), as it was when it was last fit for use. A list
 * with mistakes never makes a shorter one: the one in use stays, and everybody is told. When the
 * agent starts on such a file there is none to keep: the lines that can be understood count.
 */
#ifndef AGENT_BLOCKS_H
#define AGENT_BLOCKS_H

#include <jansson.h>
#include <openssl/x509.h>

#include "agent/card.h"
#include "base/fail.h"

struct blocks;

struct blocks *blocks_new(const char *config_dir);
void blocks_free(struct blocks *blocks);

/* Reads the file again. */
cps_error blocks_reload(struct blocks *blocks, struct fail *fail);

/* CPS_OK, or CPS_BLOCKED_LOCALLY with a reason: "card", "certificate", "person". */
cps_error blocks_check_card(const struct blocks *blocks, const struct card *card,
                            struct fail *fail);
cps_error blocks_check_person(const struct blocks *blocks, const json_t *holder, struct fail *fail);

/* As "status" shows it: {entries, error?}. */
json_t *blocks_json(const struct blocks *blocks);

#endif
