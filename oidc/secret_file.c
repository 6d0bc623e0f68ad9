/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/util.h"

static const char *why_not(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return strerror(errno);
    if (!S_ISREG(st.st_mode))
        return "not a regular file";
    if (st.st_uid != 0 && st.st_uid != geteuid())
        return "belongs to another user";
    if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return "open to group or others: chmod 600";
    return NULL;
}

/* Length without the final newline; 0 when there is anything but one line of printable ASCII. */
static size_t line_length(const struct secret *secret)
{
    const uint8_t *data = secret_data(secret);
    size_t len = secret_len(secret);

    if (len > 0 && data[len - 1] == '\n')
        len--;
    if (len > SECRET_FILE_MAX)
        return 0;
    for (size_t i = 0; i < len; i++)
        if (data[i] < ' ' || data[i] > '~')
            return 0;
    return len;
}

cps_error secret_file_load(const char *path, struct secret **ret_secret, struct fail *fail)
{
    AUTO_CLOSE int fd = -1;
    AUTO_SECRET struct secret *whole = secret_new();
    const char *why;

    if (whole == NULL)
        return fail_set(fail, CPS_INTERNAL, "no memory for a secret");
    if (path[0] != '/')
        return fail_set(fail, CPS_CONFIGURATION, "%s: must be an absolute path", path);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    why = fd < 0 ? strerror(errno) : why_not(fd);
    if (why != NULL)
        return fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, why);
    if (secret_read(whole, fd, CLOCK_NEVER) < 0)
        return fail_set(fail, CPS_CONFIGURATION, "%s: cannot be read, or too long", path);
    *ret_secret = TAKE_PTR(whole);
    return CPS_OK;
}

cps_error secret_file_read(const char *path, struct secret **ret_secret, struct fail *fail)
{
    AUTO_SECRET struct secret *whole = NULL;
    AUTO_SECRET struct secret *line = secret_new();
    size_t len;

    if (line == NULL)
        return fail_set(fail, CPS_INTERNAL, "no memory for a secret");
    if (secret_file_load(path, &whole, fail) != CPS_OK)
        return fail->code;
    len = line_length(whole);
    if (len == 0 || secret_set(line, secret_data(whole), len) < 0)
        return fail_set(fail, CPS_CONFIGURATION, "%s: not one line of printable ASCII", path);
    *ret_secret = TAKE_PTR(line);
    return CPS_OK;
}
