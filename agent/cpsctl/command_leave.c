/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever is at the desk leaves it: for a moment (lock), or for good (logout). */
#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/options.h"
#include "agent/cpsctl/text.h"
#include "base/util.h"

/* The provider is told too: the agent waits for it a little. */
#define LOGOUT_TIMEOUT_MS 15000

static int leave(struct cpsctl *ctl, int argc, char **argv, const char *method, int timeout_ms,
                 const char *done)
{
    static const struct option_row rows[] = {{"--epoch", "epoch", OPTION_NUMBER, NULL}, {0}};
    json_t *params = options_read(rows, argc, argv);
    AUTO_JSON json_t *result = NULL;
    int status;

    if (params == NULL)
        return EXIT_USAGE;
    status = cpsctl_call(ctl, method, params, timeout_ms, &result);
    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(result);
    else
        text_line(stdout, "%s", done);
    return EXIT_DONE;
}

int command_lock(struct cpsctl *ctl, int argc, char **argv)
{
    return leave(ctl, argc, argv, "session.lock", CPS_AGENT_TIMEOUT_MS, _("Session verrouillée."));
}

int command_logout(struct cpsctl *ctl, int argc, char **argv)
{
    return leave(ctl, argc, argv, "session.logout", LOGOUT_TIMEOUT_MS, _("Session fermée."));
}
