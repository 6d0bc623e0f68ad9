/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/settings.h"

#include "agent/pin_policy.h"

const struct config_key settings_keys[] = {
    {"station", "name", CONFIG_STRING, 0, 0},
    {"prompt", "pinentry", CONFIG_STRING, 0, 0},
    {"prompt", "timeout_s", CONFIG_INT, 5, 300},
    {"browser", "command", CONFIG_STRING, 0, 0},
    {"trust", "directory", CONFIG_STRING, 0, 0},
    {"trust", "test", CONFIG_BOOL, 0, 0},
    {"psc", "provider", CONFIG_STRING, 0, 0},
    {"pin", "policy", CONFIG_STRING, 0, 0},
    {"pin", "minutes", CONFIG_INT, 1, PIN_MINUTES_MAX},
    {"pin", "pad", CONFIG_BOOL, 0, 0},
    {0},
};
