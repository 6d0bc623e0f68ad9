/* SPDX-License-Identifier: Apache-2.0 */
/* cpsctl keys: what a server that verifies statements registers for this station. */
#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

int command_keys(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {{0}};
    AUTO_JSON json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *keys = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_call(ctl, "keys.jwks", TAKE_PTR(params), CPS_AGENT_TIMEOUT_MS, &keys);
    if (status == EXIT_DONE)
        text_json(keys);
    return status;
}
