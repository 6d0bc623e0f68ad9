/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/util.h"
#include "base/whole.h"

static cps_error refuse(struct fail *fail, const char *path, const char *why)
{
    return fail_set(fail, CPS_STORAGE, "%s: %s", path, why);
}

cps_error state_file_read(const char *path, size_t max, char **ret_text, struct fail *fail)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    AUTO_FREE char *text = NULL;
    struct stat st;

    if (fd < 0 && errno == ENOENT) {
        *ret_text = NULL;
        return CPS_OK;
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return refuse(fail, path, strerror(errno));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return refuse(fail, path, "not a plain file of ours alone");
    if ((size_t)st.st_size > max)
        return refuse(fail, path, "too long");
    text = calloc(1, (size_t)st.st_size + 1);
    if (text == NULL || read(fd, text, (size_t)st.st_size) != st.st_size)
        return refuse(fail, path, "cannot be read");
    *ret_text = TAKE_PTR(text);
    return CPS_OK;
}

cps_error state_file_replace(const char *path, const void *data, size_t len, struct fail *fail)
{
    char temporary[PATH_MAX];
    int r;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", path) >= sizeof temporary)
        return refuse(fail, path, "path too long");
    r = whole_replace(path, temporary, 0600, data, len);
    return r == 0 ? CPS_OK : refuse(fail, path, strerror(-r));
}

void state_file_set_aside(const char *state_dir, const char *name)
{
    char path[PATH_MAX], aside[PATH_MAX];

    snprintf(path, sizeof path, "%s/%s", state_dir, name);
    if (snprintf(aside, sizeof aside, "%s/%s.damaged", state_dir, name) < PATH_MAX &&
        rename(path, aside) == 0)
        log_warning("%s: damaged, kept as %s", path, aside);
    else
        log_warning("%s: damaged", path);
}

char *state_file_load(const char *state_dir, const char *name, size_t max)
{
    char path[PATH_MAX], why[256];
    struct fail fail;
    char *text;

    snprintf(path, sizeof path, "%s/%s", state_dir, name);
    if (state_file_read(path, max, &text, &fail) == CPS_OK)
        return text;
    fail_describe(&fail, why, sizeof why);
    log_warning("%s", why);
    state_file_set_aside(state_dir, name);
    return NULL;
}
