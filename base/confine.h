/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process gives up before it reads its first packet. Everything is probed: a kernel that
 * lacks a feature costs one log line, never the start.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include <stdbool.h>

enum confine_rights {
    CONFINE_NETWORK = 1 << 0, /* keeps AF_INET and AF_INET6 sockets */
    CONFINE_EXEC = 1 << 1,    /* keeps execve */
    CONFINE_WRITE = 1 << 2,   /* keeps writing, creating and removing files */
    CONFINE_LATER = 1 << 3, /* confine_memory() only: the process does the rest by itself, or starts
                               a program, such as a browser, that needs all its rights */
};

/* No core file, not dumpable, not traceable by the user's other programs. */
void confine_memory(void);

/*
 * confine_memory(), no new privileges, Landlock against writing files unless kept, then a seccomp
 * deny-list that answers EPERM: ptrace, mount, kexec, bpf, key and module calls and, unless kept,
 * network sockets and exec. keep: rights or'ed together. What a process gives up, the programs it
 * starts have lost too.
 */
void confine_self(unsigned keep);

/*
 * For a process that kept CONFINE_WRITE until it knew better: from now on files may be changed
 * beneath this directory only; NULL or one that cannot be opened: nowhere. True when the kernel
 * sees to it.
 */
bool confine_writes(const char *beneath);

#endif
