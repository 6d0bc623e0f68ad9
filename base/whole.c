/* SPDX-License-Identifier: Apache-2.0 */
#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/util.h"

int whole_write(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENOSPC;
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int whole_read(int fd, size_t max, char **ret_data, size_t *ret_len)
{
    char *data;
    struct stat st;
    size_t len = 0;
    ssize_t n = 1;
    int r;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < 0 || (size_t)st.st_size > max)
        return -EFBIG;
    data = malloc((size_t)st.st_size + 1);
    if (data == NULL)
        return -ENOMEM;
    while (len < (size_t)st.st_size && n > 0) {
        n = pread(fd, data + len, (size_t)st.st_size - len, (off_t)len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (len < (size_t)st.st_size) { /* it was cut meanwhile, or cannot be read */
        r = n < 0 ? -errno : -EIO;
        explicit_bzero(data, len);
        free(data);
        return r;
    }
    *ret_data = data;
    *ret_len = len;
    return 0;
}

int whole_sync_directory(const char *directory)
{
    AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return fsync(fd) < 0 && errno != EINVAL ? -errno : 0; /* some disks cannot be asked to */
}

int whole_load(const char *path, size_t max, char **ret_data, size_t *ret_len)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    return S_ISREG(st.st_mode) ? whole_read(fd, max, ret_data, ret_len) : -ENOTSUP;
}

int whole_replace(const char *path, const char *temporary, mode_t mode, const void *data,
                  size_t len)
{
    AUTO_CLOSE int fd = -1;
    char copy[PATH_MAX];
    int r;

    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    r = whole_write(fd, data, len);
    if (r == 0 && (fchmod(fd, mode) < 0 || fsync(fd) < 0 || rename(temporary, path) < 0))
        r = -errno;
    if (r < 0) {
        unlink(temporary);
        return r;
    }
    snprintf(copy, sizeof copy, "%s", path);
    return whole_sync_directory(dirname(copy));
}
