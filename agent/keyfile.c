/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/state_file.h"
#include "base/clock.h"
#include "base/util.h"

cps_error keyfile_directory(const char *dir, struct fail *fail)
{
    struct stat st;

    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return fail_set(fail, CPS_STORAGE, "%s: %s", dir, strerror(errno));
    if (stat(dir, &st) < 0)
        return fail_set(fail, CPS_STORAGE, "%s: %s", dir, strerror(errno));
    if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return fail_set(fail, CPS_STORAGE, "%s: must be ours alone, mode 0700", dir);
    return CPS_OK;
}

cps_error keyfile_read(const char *dir, const char *name, struct secret *secret, struct fail *fail)
{
    AUTO_CLOSE int fd = -1;
    char path[PATH_MAX];
    struct stat st;
    int r;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT) {
        secret_wipe(secret);
        return CPS_OK;
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return fail_set(fail, CPS_STORAGE, "%s: must be ours alone, mode 0600", path);
    r = secret_read(secret, fd, CLOCK_NEVER);
    if (r < 0)
        return fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(-r));
    if (secret_len(secret) == 0)
        return fail_set(fail, CPS_STORAGE, "%s: empty", path);
    return CPS_OK;
}

cps_error keyfile_create(const char *dir, const char *name, const struct secret *secret,
                         struct fail *fail)
{
    char path[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return state_file_replace(path, secret_data(secret), secret_len(secret), fail);
}
