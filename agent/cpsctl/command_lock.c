/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/util.h"

int command_lock(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {{"--epoch", "epoch", OPTION_NUMBER, NULL}, {0}};
    json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *result = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_call(ctl, "session.lock", params, CPS_AGENT_TIMEOUT_MS, &result);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(result);
    else
        text_line(stdout, "%s", _("Session verrouillée."));
    return EXIT_DONE;
}
