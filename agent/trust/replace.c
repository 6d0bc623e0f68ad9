/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/util.h"

cps_error replace_directory(const char *directory, struct fail *fail)
{
    if (mkdir(directory, 0755) == 0 || errno == EEXIST)
        return CPS_OK;
    return fail_set(fail, CPS_STORAGE, "%s: %s", directory, strerror(errno));
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

/* The rename is on the disk when the directory is. */
static void sync_directory(const char *directory)
{
    AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        (void)fsync(fd);
}

cps_error replace_file(const char *directory, const char *name, const void *data, size_t len,
                       struct fail *fail)
{
    AUTO_CLOSE int fd = -1;
    char path[PATH_MAX], temporary[PATH_MAX];
    int r;

    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= PATH_MAX ||
        snprintf(temporary, sizeof temporary, "%s/.%s.new", directory, name) >= PATH_MAX)
        return fail_set(fail, CPS_STORAGE, "%s: name too long", directory);
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return fail_set(fail, CPS_STORAGE, "%s: %s", temporary, strerror(errno));
    r = write_all(fd, data, len);
    if (r == 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
        r = -errno;
    if (r == 0) {
        sync_directory(directory);
        return CPS_OK;
    }
    unlink(temporary);
    return fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(-r));
}

cps_error replace_remove(const char *directory, const char *name, struct fail *fail)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (unlink(path) < 0 && errno != ENOENT)
        return fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(errno));
    sync_directory(directory);
    return CPS_OK;
}

int replace_lock(const char *directory, struct fail *fail)
{
    AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r;

    do
        r = fd >= 0 ? flock(fd, LOCK_EX) : -1;
    while (r < 0 && errno == EINTR);
    if (r < 0) {
        fail_set(fail, CPS_STORAGE, "%s: %s", directory, strerror(errno));
        return -1;
    }
    return TAKE_FD(fd);
}
