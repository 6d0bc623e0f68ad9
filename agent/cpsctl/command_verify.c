/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Verification needs a cryptographic library and no agent: it lives in cpsctl-verify, beside this
 * program. What is done here is to fetch the agent's keys when no JWKS file is named.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "base/util.h"

/* The agent's keys in an anonymous file that survives exec; -1 with the status to exit with. */
static int fetch_keys(struct cpsctl *ctl, int *ret_status)
{
    AUTO_JSON json_t *keys = NULL;
    AUTO_CLOSE int fd = -1;

    *ret_status = cpsctl_call(ctl, "keys.jwks", json_object(), CPS_AGENT_TIMEOUT_MS, &keys);
    if (*ret_status != EXIT_DONE)
        return -1;
    fd = memfd_create("jwks", 0);
    if (fd < 0 || json_dumpfd(keys, fd, JSON_COMPACT) < 0) {
        text_line(stderr, "cpsctl: memfd: %s", strerror(errno));
        *ret_status = EXIT_FAILED;
        return -1;
    }
    return TAKE_FD(fd);
}

static bool names_keys(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], "--jwks", 6) == 0)
            return true;
    return false;
}

int command_verify(struct cpsctl *ctl, int argc, char **argv)
{
    AUTO_FREE char **args = calloc((size_t)argc + 5, sizeof *args);
    char json_option[] = "--json";
    char keys_path[64];
    int status = EXIT_DONE;
    int n = 1;

    if (args == NULL)
        return EXIT_FAILED;
    for (int i = 0; i < argc; i++)
        args[n++] = argv[i];
    if (ctl->json)
        args[n++] = json_option;
    if (!names_keys(argc, argv)) {
        int fd = fetch_keys(ctl, &status);

        if (fd < 0)
            return status;
        snprintf(keys_path, sizeof keys_path, "--jwks=/proc/self/fd/%d", fd);
        args[n++] = keys_path;
    }
    return cpsctl_companion("-verify", args);
}
