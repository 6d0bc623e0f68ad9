/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/pin_policy.h"
#include "agent/push_limit.h"

/* clang-format off: one key a line */
const struct config_key settings_keys[] = {
    {"station", "name", CONFIG_STRING, 0, 0},
    {"prompt", "pinentry", CONFIG_STRING, 0, 0},
    {"prompt", "timeout_s", CONFIG_INT, 5, 300},
    {"browser", "command", CONFIG_STRING, 0, 0},
    {"trust", "directory", CONFIG_STRING, 0, 0},
    {"trust", "test", CONFIG_BOOL, 0, 0},
    {"trust", "revocation", CONFIG_STRING, 0, 0},
    {"trust", "offline", CONFIG_STRING, 0, 0},
    {"trust", "crl_max_age_h", CONFIG_INT, 1, 8760},
    {"trust", "crl_refresh_h", CONFIG_INT, 1, 720},
    {"trust", "proxy", CONFIG_STRING, 0, 0},
    {"psc", "provider", CONFIG_STRING, 0, 0},
    {"policy", "unknown", CONFIG_STRING, 0, 0},
    {"policy", "http_localhost", CONFIG_BOOL, 0, 0},
    {"limits", "statements_per_minute", CONFIG_INT, 0, 1000000},
    {"limits", "statements_burst", CONFIG_INT, 1, 1000000},
    {"limits", "pushes_per_hour", CONFIG_INT, 1, PUSH_LIMIT_MAX},
    {"card", "module", CONFIG_STRING, 0, 0},
    {"card", "module_always", CONFIG_BOOL, 0, 0},
    {"card", "module_token", CONFIG_STRING, 0, 0},
    {"card", "module_writes", CONFIG_STRING, 0, 0},
    {"session", "contactless", CONFIG_STRING, 0, 0},
    {"session", "on_lock", CONFIG_STRING, 0, 0},
    {"session", "borrow", CONFIG_STRING, 0, 0},
    {"session", "idle_minutes", CONFIG_INT, 1, 30},
    {"pin", "policy", CONFIG_STRING, 0, 0},
    {"pin", "minutes", CONFIG_INT, 1, PIN_MINUTES_MAX},
    {"pin", "pad", CONFIG_BOOL, 0, 0},
    {"statement", "counter_signature", CONFIG_BOOL, 0, 0},
    {"evidence", "enabled", CONFIG_BOOL, 0, 0},
    {"evidence", "directory", CONFIG_STRING, 0, 0},
    {"evidence", "keep_days", CONFIG_INT, 1, 3660},
    {"evidence", "on_failure", CONFIG_STRING, 0, 0},
    {"evidence", "export", CONFIG_STRING, 0, 0},
    {0},
};
/* clang-format on */

static const struct {
    const char *section, *key;
    const char *words[5]; /* the first is the default */
} choices[] = {
    {"session", "contactless", {"refuse", "allow"}},
    {"session", "on_lock", {"close", "lock", "keep"}},
    {"session", "borrow", {"end", "park"}},
    {"policy", "unknown", {"ask", "refuse", "allow"}},
    {"evidence", "on_failure", {"continue", "refuse"}},
    {"evidence", "export", {"none", "journal", "syslog"}},
    {"trust", "revocation", {"crl", "off", "ocsp", "crl+ocsp"}},
    {"trust", "offline", {"open", "closed"}},
};

cps_error settings_check(const struct config *config, struct fail *fail)
{
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const char *const *word = choices[i].words;
        const char *value = config_string(config, choices[i].section, choices[i].key, *word);

        while (*word != NULL && strcmp(*word, value) != 0)
            word++;
        if (*word == NULL)
            return fail_set(fail, CPS_CONFIGURATION, "[%s] %s: not one of its values",
                            choices[i].section, choices[i].key);
    }
    return CPS_OK;
}

const char *settings_station(const struct config *config, char host[HOST_NAME_MAX + 1])
{
    if (gethostname(host, HOST_NAME_MAX) == 0)
        host[HOST_NAME_MAX] = '\0';
    else
        snprintf(host, HOST_NAME_MAX + 1, "localhost");
    return config_string(config, "station", "name", host);
}
