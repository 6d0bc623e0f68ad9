/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/util.h"

/* The provider is told too: the agent waits for it a little. */
#define LOGOUT_TIMEOUT_MS 15000

int command_logout(struct cpsctl *ctl, int argc, char **argv)
{
    static const struct option_row rows[] = {{"--epoch", "epoch", OPTION_NUMBER, NULL}, {0}};
    json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *result = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_call(ctl, "session.logout", params, LOGOUT_TIMEOUT_MS, &result);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(result);
    else
        text_line(stdout, "%s", _("Session fermée."));
    return EXIT_DONE;
}
