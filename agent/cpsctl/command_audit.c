/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence log is read by cpsctl-audit; the agent tells where it is, its keys and its end. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "base/json.h"
#include "base/util.h"

#define EXTRA_ARGS 8

/* What the agent adds to the arguments; kept until the other program runs. */
struct audit {
    char keys[64];
    char written[64];
    char directory[PATH_MAX];
    char json[8];
};

static int ask_agent(struct cpsctl *ctl, struct audit *audit, bool wants_keys)
{
    AUTO_JSON json_t *status = NULL;
    const json_t *evidence;
    const char *directory;
    int result = cpsctl_call(ctl, "status", json_object(), CPS_AGENT_TIMEOUT_MS, &status);
    int fd;

    if (result != EXIT_DONE)
        return result;
    evidence = json_get_object(status, "evidence");
    directory = json_get_string(evidence, "directory");
    if (directory == NULL) {
        text_line(stderr, "%s", _("cpsctl: cet agent ne tient pas de journal de preuve"));
        return EXIT_FAILED;
    }
    snprintf(audit->directory, sizeof audit->directory, "--directory=%s", directory);
    snprintf(audit->written, sizeof audit->written, "--written=%lld",
             (long long)json_get_int(evidence, "written", 0));
    if (!wants_keys)
        return EXIT_DONE;
    fd = cpsctl_keys(ctl, &result);
    if (fd >= 0)
        snprintf(audit->keys, sizeof audit->keys, "--jwks=/proc/self/fd/%d", fd);
    return result;
}

int command_audit(struct cpsctl *ctl, int argc, char **argv)
{
    AUTO_FREE char **args = calloc((size_t)argc + EXTRA_ARGS, sizeof *args);
    struct audit audit = {.json = "--json"};
    bool verify = argc > 0 && strcmp(argv[0], "verify") == 0;
    int n = 1;

    if (args == NULL)
        return EXIT_FAILED;
    for (int i = 0; i < argc; i++)
        args[n++] = argv[i];
    if (ctl->json)
        args[n++] = audit.json;
    if (argc > 0 && !cpsctl_has_option(argc, argv, "--directory")) {
        int status = ask_agent(ctl, &audit, verify && !cpsctl_has_option(argc, argv, "--jwks"));

        if (status != EXIT_DONE)
            return status;
        args[n++] = audit.directory;
        if (verify)
            args[n++] = audit.written;
        if (audit.keys[0] != '\0')
            args[n++] = audit.keys;
    }
    return cpsctl_companion("-audit", args);
}
