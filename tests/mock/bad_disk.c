/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preloaded by tests: a disk that does what the file named by BAD_DISK says, for all whose path
 * contains BAD_DISK_PATH, in any program, unchanged.
 *
 *   hang    whoever touches it waits until the file says something else
 *   full    nothing more can be written (ENOSPC)
 *   empty or no file: all is well
 *
 * Calls on a descriptor count when its file has such a path.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOOK_AGAIN_MS 20

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* By system calls of their own: the functions below are not to meet themselves. */
static void state_now(char state[static 16])
{
    const char *path = getenv("BAD_DISK");
    int fd = path != NULL ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t n = fd >= 0 ? syscall(SYS_read, fd, state, 15) : 0;

    state[n > 0 ? n : 0] = '\0';
    if (fd >= 0)
        syscall(SYS_close, fd);
}

static bool is_ours(const char *path)
{
    const char *ours = getenv("BAD_DISK_PATH");

    return ours != NULL && path != NULL && strstr(path, ours) != NULL;
}

static bool is_ours_fd(int fd)
{
    char link[32], path[PATH_MAX];
    ssize_t n;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = syscall(SYS_readlinkat, AT_FDCWD, link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = '\0';
    return is_ours(path);
}

static bool is_ours_at(int dir, const char *path)
{
    return path[0] == '/' || dir == AT_FDCWD ? is_ours(path) : is_ours_fd(dir);
}

/* Waits while it hangs; false, with errno: it is full and this would need room. */
static bool passes(bool ours, bool writes)
{
    char state[16];

    if (!ours)
        return true;
    for (;;) {
        state_now(state);
        if (strcmp(state, "hang") != 0)
            break;
        (void)poll(NULL, 0, LOOK_AGAIN_MS);
    }
    if (strcmp(state, "full") != 0 || !writes)
        return true;
    errno = ENOSPC;
    return false;
}

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
    if (!passes(is_ours_at(dir, path), (flags & O_CREAT) != 0))
        return -1;
    return (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE_OF(flags, mode)                                                                       \
    do {                                                                                           \
        va_list more;                                                                              \
        va_start(more, flags);                                                                     \
        if (((flags) & (O_CREAT | O_TMPFILE)) != 0)                                                \
            (mode) = va_arg(more, mode_t);                                                         \
        va_end(more);                                                                              \
    } while (0)

int open(const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_at(AT_FDCWD, path, flags, mode);
}

int openat(int dir, const char *path, int flags, ...)
{
    mode_t mode = 0;

    MODE_OF(flags, mode);
    return open_at(dir, path, flags, mode);
}

/* What fortified programs call. */
int __open_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);

int __open_2(const char *path, int flags)
{
    return open_at(AT_FDCWD, path, flags, 0);
}

int __openat_2(int dir, const char *path, int flags)
{
    return open_at(dir, path, flags, 0);
}

FILE *fopen(const char *path, const char *mode)
{
    return passes(is_ours(path), strpbrk(mode, "wa+") != NULL) ? REAL(fopen)(path, mode) : NULL;
}

DIR *opendir(const char *path)
{
    return passes(is_ours(path), false) ? REAL(opendir)(path) : NULL;
}

int scandir(const char *path, struct dirent ***names, int (*wanted)(const struct dirent *),
            int (*order)(const struct dirent **, const struct dirent **))
{
    return passes(is_ours(path), false) ? REAL(scandir)(path, names, wanted, order) : -1;
}

ssize_t write(int fd, const void *data, size_t len)
{
    return passes(is_ours_fd(fd), true) ? syscall(SYS_write, fd, data, len) : -1;
}

int fsync(int fd)
{
    return passes(is_ours_fd(fd), false) ? (int)syscall(SYS_fsync, fd) : -1;
}

int fdatasync(int fd)
{
    return passes(is_ours_fd(fd), false) ? (int)syscall(SYS_fdatasync, fd) : -1;
}

int rename(const char *from, const char *to)
{
    return passes(is_ours(from) || is_ours(to), false)
               ? (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)
               : -1;
}

int unlink(const char *path)
{
    return passes(is_ours(path), false) ? (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0) : -1;
}

int mkdir(const char *path, mode_t mode)
{
    return passes(is_ours(path), true) ? (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode) : -1;
}

int access(const char *path, int mode)
{
    return passes(is_ours(path), false) ? (int)syscall(SYS_faccessat, AT_FDCWD, path, mode) : -1;
}

int stat(const char *restrict path, struct stat *restrict ret)
{
    return passes(is_ours(path), false) ? REAL(stat)(path, ret) : -1;
}
