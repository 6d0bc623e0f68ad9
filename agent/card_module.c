/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/card_module.h"

static const char *setting(const struct agent *agent, const char *key)
{
    return config_string(agent->config, "card", key, NULL);
}

bool card_module_is_set(const struct agent *agent)
{
    return setting(agent, "module") != NULL;
}

json_t *card_module_open_params(const struct agent *agent, const char *reader)
{
    json_t *params = json_pack("{s:s}", "reader", reader);

    if (card_module_is_set(agent))
        json_object_set_new(
            params, "module",
            json_pack("{s:s, s:b, s:s*, s:s*}", "path", setting(agent, "module"), "always",
                      config_bool(agent->config, "card", "module_always", false), "token",
                      setting(agent, "module_token"), "writes", setting(agent, "module_writes")));
    return params;
}
