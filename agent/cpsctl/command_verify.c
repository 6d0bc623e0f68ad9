/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "agent/cpsctl/cpsctl.h"
#include "base/util.h"

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
    if (!cpsctl_has_option(argc, argv, "--jwks")) {
        int fd = cpsctl_keys(ctl, &status);

        if (fd < 0)
            return status;
        snprintf(keys_path, sizeof keys_path, "--jwks=/proc/self/fd/%d", fd);
        args[n++] = keys_path;
    }
    return cpsctl_companion("-verify", args);
}
