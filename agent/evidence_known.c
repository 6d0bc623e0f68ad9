/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence_known.h"

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

/* "<seq> <hash> <directory>\n" */
#define LINE_MAX_LEN (20 + 1 + EVIDENCE_HASH_LEN + 1 + PATH_MAX + 1)

static bool path_of(const char *state_dir, const char *suffix, char path[static PATH_MAX])
{
    return snprintf(path, PATH_MAX, "%s/%s%s", state_dir, EVIDENCE_KNOWN_FILE, suffix) < PATH_MAX;
}

/* The line of the file, or false; like the secrets beside it, it must be ours alone. */
static bool read_line(const char *path, char line[static LINE_MAX_LEN + 1])
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    ssize_t len;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
        (st.st_mode & 077) != 0)
        return false;
    len = read(fd, line, LINE_MAX_LEN);
    if (len <= 0 || line[len - 1] != '\n')
        return false;
    line[len - 1] = '\0';
    return true;
}

bool evidence_known_load(const char *state_dir, const char *directory,
                         struct evidence_head *ret_head)
{
    char path[PATH_MAX], line[LINE_MAX_LEN + 1];
    const char *hash;
    char *end;
    long long seq;

    if (!path_of(state_dir, "", path) || !read_line(path, line))
        return false;
    seq = strtoll(line, &end, 10);
    hash = end + 1;
    if (seq < 1 || *end != ' ' || strcspn(hash, " ") != EVIDENCE_HASH_LEN ||
        hash[EVIDENCE_HASH_LEN] != ' ' || strcmp(hash + EVIDENCE_HASH_LEN + 1, directory) != 0)
        return false;
    ret_head->seq = seq;
    memcpy(ret_head->hash, hash, EVIDENCE_HASH_LEN);
    ret_head->hash[EVIDENCE_HASH_LEN] = '\0';
    return true;
}

void evidence_known_save(const char *state_dir, const char *directory,
                         const struct evidence_head *head)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    AUTO_CLOSE int fd = -1;

    if (!path_of(state_dir, "", path) || !path_of(state_dir, ".new", temporary))
        return;
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && dprintf(fd, "%lld %s %s\n", (long long)head->seq, head->hash, directory) > 0 &&
        rename(temporary, path) == 0)
        return;
    log_warning("%s: %s", path, strerror(errno));
    unlink(temporary);
}

bool evidence_known_lost(const struct evidence_head *known, const struct evidence_head *found)
{
    return found->seq < known->seq ||
           (found->seq == known->seq && known->seq > 0 && strcmp(found->hash, known->hash) != 0);
}
