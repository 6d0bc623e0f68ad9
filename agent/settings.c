/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/settings.h"

const struct config_key settings_keys[] = {
    {"station", "name", CONFIG_STRING, 0, 0},    {"prompt", "pinentry", CONFIG_STRING, 0, 0},
    {"prompt", "timeout_s", CONFIG_INT, 5, 300}, {"browser", "command", CONFIG_STRING, 0, 0},
    {"trust", "directory", CONFIG_STRING, 0, 0}, {"trust", "test", CONFIG_BOOL, 0, 0},
    {"psc", "provider", CONFIG_STRING, 0, 0},    {0},
};
