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
#include "base/whole.h"

cps_error replace_directory(const char *directory, struct fail *fail)
{
    if (mkdir(directory, 0755) == 0 || errno == EEXIST)
        return CPS_OK;
    return fail_set(fail, CPS_STORAGE, "%s: %s", directory, strerror(errno));
}

cps_error replace_file(const char *directory, const char *name, const void *data, size_t len,
                       struct fail *fail)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    int r;

    if (snprintf(path, sizeof path, "%s/%s", directory, name) >= PATH_MAX ||
        snprintf(temporary, sizeof temporary, "%s/.%s.new", directory, name) >= PATH_MAX)
        return fail_set(fail, CPS_STORAGE, "%s: name too long", directory);
    r = whole_replace(path, temporary, 0644, data, len);
    return r == 0 ? CPS_OK : fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(-r));
}

cps_error replace_remove(const char *directory, const char *name, struct fail *fail)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (unlink(path) < 0 && errno != ENOENT)
        return fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(errno));
    (void)whole_sync_directory(directory);
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
