/* SPDX-License-Identifier: Apache-2.0 */
/* The PKCS#11 module of the configuration, as cardop is told of it. The agent itself never looks
 * at it. */
#ifndef AGENT_CARD_MODULE_H
#define AGENT_CARD_MODULE_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/agent.h"

/* A module may read the whole card before it says that it is there: seconds, on real ones. */
#define MODULE_OPEN_TIMEOUT_MS 30000

bool card_module_is_set(const struct agent *agent);

/* Parameters of "open" for a reader (base/proto.h). */
json_t *card_module_open_params(const struct agent *agent, const char *reader);

#endif
