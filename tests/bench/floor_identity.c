/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/floor.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* since Linux 6.5, younger than Debian 12's headers */
#endif

static void look_into_proc(pid_t pid)
{
    char path[64];
    char content[PATH_MAX];
    int fd;

    snprintf(path, sizeof path, "/proc/%d/exe", (int)pid);
    if (readlink(path, content, sizeof content) < 0)
        return;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (read(fd, content, sizeof content) < 0)
        perror(path);
    close(fd);
}

void floor_identify(enum floor_identity identity, int fd)
{
    struct ucred cred = {0};
    socklen_t len = sizeof cred;
    int pidfd = -1;

    if (identity == FLOOR_NOBODY || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return;
    if (identity == FLOOR_CRED)
        return;
    len = sizeof pidfd;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
        close(pidfd);
    look_into_proc(cred.pid);
}
