/* SPDX-License-Identifier: Apache-2.0 */
/* The programs beside cpsctl that do what needs a cryptographic library. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/text.h"

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
