/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process gives up before it reads its first packet. Everything is probed: a kernel that
 * lacks a feature costs one log line, never the start.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

enum confine_rights {
    CONFINE_NETWORK = 1 << 0, /* keeps AF_INET and AF_INET6 sockets */
    CONFINE_EXEC = 1 << 1,    /* keeps execve */
    CONFINE_WRITE = 1 << 2,   /* keeps writing, creating and removing files */
};

/*
 * No new privileges, no core, not dumpable, then a seccomp deny-list that answers EPERM (ptrace,
 * mount, kexec, bpf, key and module calls and, unless kept, network sockets and exec), then
 * Landlock against writing files unless kept. keep: rights or'ed together.
 */
void confine_self(unsigned keep);

#endif
