/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of authorities and the block list are files that an administrator edits, agent or not:
 * cpsctl-trust does it. Revocation lists are the agent's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/show.h"
#include "agent/cpsctl/text.h"
#include "base/util.h"

#define REFRESH_TIMEOUT_MS 70000

/* The lists are the agent's. */
static int refresh(struct cpsctl *ctl)
{
    AUTO_JSON json_t *result = NULL;
    int status = cpsctl_call(ctl, "trust.refresh", json_object(), REFRESH_TIMEOUT_MS, &result);

    if (status != EXIT_DONE)
        return status;
    if (ctl->json)
        text_json(result);
    else
        show_revocation(result);
    return EXIT_DONE;
}

int command_trust(struct cpsctl *ctl, int argc, char **argv)
{
    AUTO_FREE char **args = calloc((size_t)argc + 4, sizeof *args);
    char json_option[] = "--json";
    char timeout_option[32];
    int n = 1;

    if (args == NULL)
        return EXIT_FAILED;
    if (argc == 1 && strcmp(argv[0], "refresh") == 0)
        return refresh(ctl);
    for (int i = 0; i < argc; i++)
        args[n++] = argv[i];
    if (argc > 0 && ctl->json)
        args[n++] = json_option;
    if (argc > 0 && ctl->timeout_ms > 0) {
        snprintf(timeout_option, sizeof timeout_option, "--timeout=%d", ctl->timeout_ms / 1000);
        args[n++] = timeout_option;
    }
    return cpsctl_companion("-trust", args);
}
