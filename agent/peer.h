/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program is at the other end of a connection, as the kernel tells it when it connects. For
 * rules, questions and the log: between programs of one user this is consent, not isolation, as a
 * program may become another one, or be traced by any other, after it has connected.
 */
#ifndef AGENT_PEER_H
#define AGENT_PEER_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Path of the executable of the process that connected this socket; pid: of SO_PEERCRED. NULL when
 * it cannot be told: the process is gone already, or hidden by a namespace. The caller frees it.
 */
char *peer_program(int fd, pid_t pid);

/*
 * A path for people: what a terminal or a dialogue could take for more than text is masked. Returns
 * text, or NULL for NULL.
 */
#define PEER_TEXT_MAX 256
const char *peer_text(const char *program, char *text, size_t size);

#endif
