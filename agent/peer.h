/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program is at the other end of a connection, as the kernel tells it when it connects. For
 * rules, questions and the log: between programs of one user this is consent, not isolation, as a
 * program may become another one, be traced by any other, or choose its own cgroup.
 */
#ifndef AGENT_PEER_H
#define AGENT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct peer {
    char *program; /* path of its executable, or NULL: it is gone already, or in a namespace */
    char *unit;    /* systemd unit of its cgroup, or NULL: none, or not looked for */
    char *app;     /* "snap:NAME" or "flatpak:ID", or NULL */
};

/*
 * The process that connected this socket; pid: of SO_PEERCRED. What cannot be told is NULL. cgroup:
 * look for unit and app too, which costs a few more readings.
 */
void peer_read(int fd, pid_t pid, bool cgroup, struct peer *ret_peer);
void peer_done(struct peer *peer);

/* The app of a systemd unit or of a security label of the kernel, as struct peer has it. */
char *peer_app_of_unit(const char *unit);
char *peer_app_of_label(const char *label);

/*
 * A path for people: what a terminal or a dialogue could take for more than text is masked. Returns
 * text, or NULL for NULL.
 */
#define PEER_TEXT_MAX 256
const char *peer_text(const char *program, char *text, size_t size);

#endif
