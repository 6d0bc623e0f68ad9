/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"

#define BLANKS " \t\r\n"

int lines_valid_text(const char *text)
{
    AUTO_JSON json_t *string = json_string(text); /* NULL when it is not UTF-8 */

    for (const char *c = text; *c != '\0'; c++)
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return 0;
    return string != NULL && strlen(text) < LINES_TEXT_MAX;
}

char *lines_word(char **text)
{
    char *word = *text;

    *text += strcspn(*text, BLANKS);
    if (**text != '\0')
        *(*text)++ = '\0';
    *text += strspn(*text, BLANKS);
    return word;
}

/* The line without white space around it. */
static char *trimmed(char *line)
{
    size_t len;

    line += strspn(line, BLANKS);
    len = strlen(line);
    while (len > 0 && strchr(BLANKS, line[len - 1]) != NULL)
        line[--len] = '\0';
    return line;
}

static cps_error take_line(char *text, lines_fn *fn, void *user, struct fail *fail)
{
    char *line = trimmed(text);

    if (*line == '\0' || *line == '#')
        return CPS_OK;
    if (!lines_valid_text(line))
        return fail_set(fail, CPS_CONFIGURATION, "too long, or not plain UTF-8 text");
    return fn(user, line, fail);
}

static FILE *open_list(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    FILE *file;

    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    if (!S_ISREG(st.st_mode) || st.st_size > LINES_FILE_MAX) {
        errno = S_ISREG(st.st_mode) ? EFBIG : EINVAL;
        return NULL;
    }
    file = fdopen(fd, "r");
    if (file != NULL)
        (void)TAKE_FD(fd);
    return file;
}

cps_error lines_read(const char *path, lines_fn *fn, void *user, struct fail *fail)
{
    FILE *file = open_list(path);
    AUTO_FREE char *text = NULL;
    size_t size = 0;
    ssize_t len;
    cps_error first = CPS_OK;

    if (file == NULL)
        return errno == ENOENT ? CPS_OK
                               : fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, strerror(errno));
    for (unsigned number = 1; (len = getline(&text, &size, file)) >= 0; number++) {
        struct fail wrong = FAIL_INIT;

        if (strlen(text) != (size_t)len)
            fail_set(&wrong, CPS_CONFIGURATION, "not text");
        else
            take_line(text, fn, user, &wrong);
        if (wrong.code != CPS_OK && first == CPS_OK) {
            *fail = wrong;
            first = fail_add(fail, "%s, line %u", path, number);
        }
    }
    if (ferror(file) != 0 && first == CPS_OK)
        first = fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, strerror(errno));
    fclose(file);
    return first;
}
