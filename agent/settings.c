/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/settings.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/pin_policy.h"
#include "agent/push_limit.h"
#include "base/text.h"

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
    {"session", "single_sign_on", CONFIG_STRING, 0, 0},
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

#define WORDS_MAX        5
#define STATION_NAME_MAX 64

static const struct {
    const char *section, *key;
    const char *words[WORDS_MAX]; /* the first is the default */
} choices[] = {
    {"session", "contactless", {"refuse", "allow"}},
    {"session", "single_sign_on", {"allow", "refuse"}},
    {"session", "on_lock", {"close", "lock", "keep"}},
    {"session", "borrow", {"end", "park"}},
    {"policy", "unknown", {"ask", "refuse", "allow"}},
    {"pin", "policy", {"session", "each_use", "minutes"}},
    {"evidence", "on_failure", {"continue", "refuse"}},
    {"evidence", "export", {"none", "journal", "syslog"}},
    {"trust", "revocation", {"crl", "off", "ocsp", "crl+ocsp"}},
    {"trust", "offline", {"open", "closed"}},
};

struct check {
    const struct config *config;
    const char *path;
    struct fail *fail;
};

static cps_error refuse(const struct check *check, const char *section, const char *key,
                        const char *why)
{
    fail_set(check->fail, CPS_CONFIGURATION, "[%s] %s: %s", section, key, why);
    return fail_add(check->fail, "%s, line %d", check->path,
                    config_line(check->config, section, key));
}

static cps_error check_word(const struct check *check, const char *section, const char *key,
                            const char *const words[WORDS_MAX])
{
    const char *value = config_string(check->config, section, key, words[0]);
    char why[FAIL_CAUSE_LEN] = "must be";
    size_t len = strlen(why);

    for (size_t i = 0; i < WORDS_MAX && words[i] != NULL; i++) {
        if (strcmp(words[i], value) == 0)
            return CPS_OK;
        len += (size_t)snprintf(why + len, sizeof why - len, "%s %s", i > 0 ? " or" : "", words[i]);
    }
    return refuse(check, section, key, why);
}

/* The station is named in statements and in the evidence log; a page is opened by its address. */
cps_error settings_check(const struct config *config, const char *path, struct fail *fail)
{
    const struct check check = {config, path, fail};

    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++)
        if (check_word(&check, choices[i].section, choices[i].key, choices[i].words) != CPS_OK)
            return fail->code;
    if (!text_is_plain(config_string(config, "station", "name", "-"), STATION_NAME_MAX))
        return refuse(&check, "station", "name", "must be a short text in UTF-8");
    if (strstr(config_string(config, "browser", "command", "{url}"), "{url}") == NULL)
        return refuse(&check, "browser", "command", "must hold {url}");
    if (config_string(config, "evidence", "directory", "/")[0] != '/')
        return refuse(&check, "evidence", "directory", "must be an absolute path");
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
