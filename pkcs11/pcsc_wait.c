/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/pcsc_wait.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/util.h"

#define DEFAULT_PATH "/run/pcscd/pcscd.comm"
#define MASK         (IN_CREATE | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

struct pcsc_wait {
    char *path;
    int inotify; /* -1 when there is none to be had: time alone then */
    int watch;
    char expected[NAME_MAX + 1]; /* what must appear in the watched directory */
};

const char *pcsc_wait_default_path(void)
{
    const char *path = getenv("PCSCLITE_CSOCK_NAME");

    return path != NULL && *path == '/' ? path : DEFAULT_PATH;
}

struct pcsc_wait *pcsc_wait_new(const char *socket_path)
{
    struct pcsc_wait *wait = calloc(1, sizeof *wait);

    if (wait == NULL)
        return NULL;
    wait->watch = -1;
    wait->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    wait->path = strdup(socket_path);
    if (wait->path == NULL) {
        pcsc_wait_free(wait);
        return NULL;
    }
    return wait;
}

void pcsc_wait_free(struct pcsc_wait *wait)
{
    if (wait == NULL)
        return;
    if (wait->inotify >= 0)
        close(wait->inotify);
    free(wait->path);
    free(wait);
}

/* Cuts the last component off path and copies it; false when none is left. */
static bool cut(char *path, char *ret_name, size_t size)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL || slash[1] == '\0' || strlen(slash + 1) >= size)
        return false;
    memcpy(ret_name, slash + 1, strlen(slash + 1) + 1);
    slash[slash == path ? 1 : 0] = '\0';
    return true;
}

static void drain(const struct pcsc_wait *wait)
{
    char events[4096];

    while (read(wait->inotify, events, sizeof events) > 0)
        continue;
}

/* The nearest directory above the socket that exists, and the name that must appear in it. */
void pcsc_wait_arm(struct pcsc_wait *wait)
{
    AUTO_FREE char *path = strdup(wait->path);

    if (wait->inotify < 0 || path == NULL)
        return;
    if (wait->watch >= 0)
        inotify_rm_watch(wait->inotify, wait->watch);
    drain(wait);
    wait->watch = -1;
    while (wait->watch < 0 && cut(path, wait->expected, sizeof wait->expected))
        wait->watch = inotify_add_watch(wait->inotify, path, MASK | IN_ONLYDIR);
}

/* Whether one of the events that have come is about the expected name or the directory itself. */
static bool relevant(const struct pcsc_wait *wait)
{
    char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool found = false;
    ssize_t n;

    while ((n = read(wait->inotify, buffer, sizeof buffer)) > 0)
        for (ssize_t at = 0; at < n;) {
            const struct inotify_event *event = (const void *)(buffer + at);

            if (event->len == 0 || strcmp(event->name, wait->expected) == 0)
                found = true;
            at += (ssize_t)(sizeof *event + event->len);
        }
    return found;
}

enum pcsc_wait_end pcsc_wait_run(struct pcsc_wait *wait, int timeout_ms, int fd)
{
    int64_t deadline = clock_boot_ms() + timeout_ms;
    struct pollfd fds[] = {{.fd = wait->inotify, .events = POLLIN}, {.fd = fd, .events = 0}};

    for (;;) {
        int r = poll(fds, sizeof fds / sizeof fds[0], clock_left_ms(deadline));

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return PCSC_WAIT_TIMEOUT;
        if (fds[1].revents != 0)
            return PCSC_WAIT_ABANDONED;
        if (relevant(wait))
            return PCSC_WAIT_CHANGED;
    }
}
