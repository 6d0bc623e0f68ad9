/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/peer.h"

#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <systemd/sd-login.h>

#include "base/util.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

#define SNAP_UNIT    "snap."
#define FLATPAK_UNIT "app-flatpak-"

/* Longest security label that is looked at. */
#define LABEL_MAX 255

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

static char *read_program(pid_t pid)
{
    char link[32], path[PATH_MAX];
    ssize_t len;

    snprintf(link, sizeof link, "/proc/%d/exe", (int)pid);
    len = readlink(link, path, sizeof path - 1);
    if (len <= 0)
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

/* "prefix" and the first len bytes of name. */
static char *named(const char *prefix, const char *name, size_t len)
{
    char *text = NULL;

    return len > 0 && asprintf(&text, "%s%.*s", prefix, (int)len, name) >= 0 ? text : NULL;
}

/*
 * Scopes that the two make for each run: "snap.NAME.APP-UUID.scope" (with a dot before the UUID in
 * older ones), "app-flatpak-ID-NUMBER.scope".
 */
char *peer_app_of_unit(const char *unit)
{
    const char *end;

    if (strncmp(unit, SNAP_UNIT, strlen(SNAP_UNIT)) == 0) {
        unit += strlen(SNAP_UNIT);
        return unit[strcspn(unit, ".")] == '.' ? named("snap:", unit, strcspn(unit, ".")) : NULL;
    }
    if (strncmp(unit, FLATPAK_UNIT, strlen(FLATPAK_UNIT)) != 0)
        return NULL;
    unit += strlen(FLATPAK_UNIT);
    end = strrchr(unit, '-');
    return end != NULL ? named("flatpak:", unit, (size_t)(end - unit)) : NULL;
}

/* AppArmor's label of what runs in a snap: "snap.NAME.APP (enforce)". */
char *peer_app_of_label(const char *label)
{
    return strncmp(label, SNAP_UNIT, strlen(SNAP_UNIT)) == 0 ? peer_app_of_unit(label) : NULL;
}

static char *read_unit(pid_t pid)
{
    char *unit = NULL;

    if (sd_pid_get_user_unit(pid, &unit) < 0 && sd_pid_get_unit(pid, &unit) < 0)
        return NULL;
    return unit;
}

/* The label is the kernel's own of the moment of the connection; the unit comes after it. */
static char *read_app(int fd, const char *unit)
{
    char label[LABEL_MAX + 1];
    socklen_t len = LABEL_MAX;
    char *app = NULL;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, label, &len) == 0 && len <= LABEL_MAX) {
        label[len] = '\0';
        app = peer_app_of_label(label);
    }
    return app == NULL && unit != NULL ? peer_app_of_unit(unit) : app;
}

void peer_read(int fd, pid_t pid, bool cgroup, struct peer *ret_peer)
{
    AUTO_CLOSE int pidfd = process_of(fd, pid);
    struct peer peer = {0};

    *ret_peer = peer;
    if (pidfd < 0)
        return;
    peer.program = read_program(pid);
    if (cgroup) {
        peer.unit = read_unit(pid);
        peer.app = read_app(fd, peer.unit);
    }
    /* Alive now, it was the one with that number when it was looked at. */
    if (lives(pidfd))
        *ret_peer = peer;
    else
        peer_done(&peer);
}

void peer_done(struct peer *peer)
{
    free(TAKE_PTR(peer->program));
    free(TAKE_PTR(peer->unit));
    free(TAKE_PTR(peer->app));
}
