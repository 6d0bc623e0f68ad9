/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/evidence_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/evidence/chain.h"
#include "base/util.h"

static void cleanup_stream(FILE **stream)
{
    if (*stream != NULL)
        fclose(*stream);
}

/* 1: go on, 0: enough, or a negative errno. */
static int read_file(int directory, const char *name, evidence_line_fn each, void *user)
{
    AUTO_CLOSE int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    CLEANUP(cleanup_stream) FILE *stream = fd >= 0 ? fdopen(fd, "re") : NULL;
    AUTO_FREE char *text = NULL;
    struct evidence_line line = {.file = name};
    size_t size = 0;
    ssize_t len;

    if (stream == NULL)
        return -errno;
    (void)TAKE_FD(fd);
    while ((len = getline(&text, &size, stream)) > 0) {
        line.number++;
        line.torn = text[len - 1] != '\n';
        if (!line.torn)
            text[--len] = '\0';
        line.text = text;
        line.len = (size_t)len;
        if (!each(user, &line))
            return 0;
    }
    return ferror(stream) ? -EIO : 1;
}

int evidence_read(const char *directory, evidence_line_fn each, void *user)
{
    AUTO_CLOSE int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent **names = NULL;
    int n = fd < 0 ? -1 : scandirat(fd, ".", &names, evidence_is_file, evidence_compare);
    int r = n < 0 ? -errno : 1;

    for (int i = 0; i < n; i++) {
        if (r > 0)
            r = read_file(fd, names[i]->d_name, each, user);
        free(names[i]);
    }
    free(names);
    return r < 0 ? r : n;
}
