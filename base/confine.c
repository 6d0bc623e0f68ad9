/* SPDX-License-Identifier: Apache-2.0 */
#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "base/log.h"
#include "base/util.h"

/* Calls that no process of the product has a use for. */
static const int never[] = {
#ifndef CPS_SANITIZE /* the leak checker traces its own process */
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
#endif
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(bpf),
    SCMP_SYS(kexec_load),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(acct),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
};

static void cleanup_filter(scmp_filter_ctx *filter)
{
    if (*filter != NULL)
        seccomp_release(*filter);
}

static int deny(scmp_filter_ctx filter, int call)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), call, 0);
}

static int deny_family(scmp_filter_ctx filter, int family)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
                            SCMP_A0_32(SCMP_CMP_EQ, (scmp_datum_t)family, 0));
}

static int fill_filter(scmp_filter_ctx filter, unsigned keep)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof never / sizeof never[0]; i++)
        r = deny(filter, never[i]);
    if (r == 0 && (keep & CONFINE_EXEC) == 0) {
        r = deny(filter, SCMP_SYS(execve));
        if (r == 0)
            r = deny(filter, SCMP_SYS(execveat));
    }
    if (r == 0 && (keep & CONFINE_NETWORK) == 0) {
        r = deny_family(filter, AF_INET);
        if (r == 0)
            r = deny_family(filter, AF_INET6);
        if (r == 0)
            r = deny_family(filter, AF_PACKET);
    }
    return r;
}

static void deny_calls(unsigned keep)
{
    CLEANUP(cleanup_filter) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = filter == NULL ? -ENOMEM : fill_filter(filter, keep);

    if (r == 0)
        r = seccomp_load(filter);
    if (r < 0)
        log_warning("no system call filter: %s", strerror(-r));
}

/* All rights of Landlock's first version that change a file system. */
#define LANDLOCK_WRITES                                                                            \
    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                               \
     LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | \
     LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |   \
     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM)

static int allow_writes(int ruleset, const char *directory)
{
    AUTO_CLOSE int fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_WRITES, .parent_fd = fd};

    if (fd < 0) {
        log_warning("%s: %s; nothing can be written", directory, strerror(errno));
        return 0;
    }
    return (int)syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
}

bool confine_writes(const char *beneath)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = LANDLOCK_WRITES};
    AUTO_CLOSE int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

    if (ruleset >= 0 && (beneath == NULL || allow_writes(ruleset, beneath) == 0) &&
        syscall(SYS_landlock_restrict_self, ruleset, 0) == 0)
        return true;
    log_info("files are not write-protected by Landlock: %s", strerror(errno));
    return false;
}

void confine_self(unsigned keep)
{
    confine_memory();
    if ((keep & CONFINE_LATER) != 0)
        return;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
        log_warning("no confinement: %s", strerror(errno));
        return;
    }
    if ((keep & CONFINE_WRITE) == 0)
        (void)confine_writes(NULL);
    deny_calls(keep);
}
