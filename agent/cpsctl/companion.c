/* SPDX-License-Identifier: Apache-2.0 */
/* The programs beside cpsctl that do what needs a cryptographic library. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"
#include "base/util.h"

#define SUFFIX_MAX 16

int cpsctl_companion(const char *suffix, char **argv)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - SUFFIX_MAX);
    sigset_t none;

    if (len > 0) {
        snprintf(path + len, SUFFIX_MAX, "%s", suffix);
        argv[0] = path;
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        execv(path, argv);
    }
    text_line(stderr, "cpsctl%s: %s", suffix, strerror(errno));
    return EXIT_FAILED;
}

int cpsctl_keys(struct cpsctl *ctl, int *ret_status)
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

bool cpsctl_has_option(int argc, char **argv, const char *option)
{
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], option, strlen(option)) == 0)
            return true;
    return false;
}
