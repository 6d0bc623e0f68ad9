/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer.h"

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* The process itself rather than its number, which another one may have inherited meanwhile. */
static int process_of(int fd, pid_t pid)
{
    int pidfd = -1;
    socklen_t len = sizeof pidfd;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &len) == 0)
        return pidfd;
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static bool lives(int pidfd)
{
    struct pollfd pfd = {.fd = pidfd, .events = POLLIN};

    return poll(&pfd, 1, 0) == 0;
}

/* What the kernel adds to the path of a file that was replaced while it runs. */
static void strip_deleted(char *path)
{
    static const char mark[] = " (deleted)";
    size_t len = strlen(path);

    if (len >= sizeof mark && strcmp(path + len - (sizeof mark - 1), mark) == 0)
        path[len - (sizeof mark - 1)] = '\0';
}

char *peer_program(int fd, pid_t pid)
{
    AUTO_CLOSE int pidfd = process_of(fd, pid);
    char link[32], path[PATH_MAX];
    ssize_t len;

    if (pidfd < 0)
        return NULL;
    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    len = readlink(link, path, sizeof path - 1);
    /* Alive now, it was the one with that number when the link was read. */
    if (len <= 0 || !lives(pidfd))
        return NULL;
    path[len] = '\0';
    strip_deleted(path);
    return strdup(path);
}

const char *peer_text(const char *program, char *text, size_t size)
{
    if (program == NULL)
        return NULL;
    snprintf(text, size, "%s", program);
    for (char *c = text; *c != '\0'; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
    return text;
}
