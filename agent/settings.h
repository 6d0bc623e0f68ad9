/* SPDX-License-Identifier: Apache-2.0 */
/* The keys of cps-agent.conf; docs/man/cps-agent.conf.5.scd explains them. */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include <limits.h>

#include "base/config.h"

extern const struct config_key settings_keys[];

/* What the table cannot say of values: CPS_CONFIGURATION names key, file and line. */
cps_error settings_check(const struct config *config, const char *path, struct fail *fail);

/* The name of this station: configured, else the host's, which is put in the caller's buffer. */
const char *settings_station(const struct config *config, char host[HOST_NAME_MAX + 1]);

#endif
