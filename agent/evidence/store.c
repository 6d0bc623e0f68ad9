/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

struct store {
    struct store_limits limits;
    int dir;
    int file; /* the one that is added to, or -1: the next line starts one */
    int64_t file_len;
    struct evidence_head head;
    char damage[320];
};

static cps_error storage(struct fail *fail, const char *what)
{
    return fail_set(fail, CPS_STORAGE, "evidence log: %s: %s", what, strerror(errno));
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    if (store->file >= 0)
        close(store->file);
    if (store->dir >= 0)
        close(store->dir);
    free(store);
}

static void cleanup_store(struct store **store)
{
    store_free(*store);
}

static void cleanup_names(struct dirent ***names)
{
    for (size_t i = 0; *names != NULL && (*names)[i] != NULL; i++)
        free((*names)[i]);
    free(*names);
}

/* The files in order, with a NULL after the last. */
static int list_files(const struct store *store, struct dirent ***ret_names)
{
    struct dirent **names = NULL;
    struct dirent **ended;
    int n = scandirat(store->dir, ".", &names, evidence_is_file, evidence_compare);

    if (n < 0)
        return -1;
    ended = realloc(names, ((size_t)n + 1) * sizeof *names);
    if (ended == NULL)
        abort(); /* nothing to answer with; the agent starts us again */
    ended[n] = NULL;
    *ret_names = ended;
    return n;
}

static cps_error open_directory(struct store *store, const char *directory, struct fail *fail)
{
    struct stat st;

    if (mkdir(directory, 0700) < 0 && errno != EEXIST)
        return storage(fail, directory);
    store->dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (store->dir < 0 || fstat(store->dir, &st) < 0)
        return storage(fail, directory);
    if (st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return fail_set(fail, CPS_STORAGE, "%s: must be ours alone, mode 0700", directory);
    if (flock(store->dir, LOCK_EX | LOCK_NB) < 0)
        return fail_set(fail, CPS_STORAGE, "%s: another agent writes there", directory);
    return CPS_OK;
}

/* The end of a file: as much as one line and what may be torn after it. */
static ssize_t read_end(int file, int64_t len, char buffer[static 2 * EVIDENCE_LINE_MAX])
{
    off_t from = len > 2 * EVIDENCE_LINE_MAX ? len - 2 * EVIDENCE_LINE_MAX : 0;

    return pread(file, buffer, 2 * EVIDENCE_LINE_MAX, from);
}

/* Takes the last whole line of a text for the head; false when there is none that is one. */
static bool take_last_line(struct store *store, const char *text, size_t len)
{
    AUTO_JSON json_t *line = NULL;
    const char *end = memrchr(text, '\n', len);
    const char *start;
    int64_t seq;

    if (end == NULL)
        return false;
    start = memrchr(text, '\n', (size_t)(end - text));
    start = start == NULL ? text : start + 1;
    line = json_parse_strict(start, (size_t)(end - start));
    seq = json_get_int(line, "seq", 0);
    if (seq < 1 || !evidence_hash_line(start, (size_t)(end - start), store->head.hash))
        return false;
    store->head.seq = seq;
    return true;
}

/*
 * Finds the head in the newest file. A torn line after it is left alone and closes that file; a
 * file without one whole line of ours is passed over, and told.
 */
static cps_error find_head(struct store *store, const char *name, bool *ret_found,
                           struct fail *fail)
{
    AUTO_FREE char *buffer = malloc(2 * EVIDENCE_LINE_MAX);
    AUTO_CLOSE int file =
        openat(store->dir, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    ssize_t len;

    if (buffer == NULL || file < 0 || fstat(file, &st) < 0 || !S_ISREG(st.st_mode))
        return storage(fail, name);
    len = read_end(file, st.st_size, buffer);
    if (len < 0)
        return storage(fail, name);
    *ret_found = take_last_line(store, buffer, (size_t)len);
    if (*ret_found && buffer[len - 1] == '\n') {
        store->file = TAKE_FD(file);
        store->file_len = st.st_size;
    } else {
        snprintf(store->damage, sizeof store->damage, "%s ends in the middle of a line", name);
    }
    return CPS_OK;
}

cps_error store_open(const char *directory, struct store_limits limits, struct store **ret_store,
                     struct fail *fail)
{
    CLEANUP(cleanup_store) struct store *store = calloc(1, sizeof *store);
    CLEANUP(cleanup_names) struct dirent **names = NULL;
    bool found = false;
    int n;

    if (store == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    store->dir = store->file = -1;
    store->limits = limits;
    if (!evidence_hash_line("", 0, store->head.hash))
        return fail_set(fail, CPS_INTERNAL, "SHA-256");
    if (open_directory(store, directory, fail) != CPS_OK)
        return fail->code;
    n = list_files(store, &names);
    if (n < 0)
        return storage(fail, directory);
    for (int i = n - 1; i >= 0 && !found; i--)
        if (find_head(store, names[i]->d_name, &found, fail) != CPS_OK)
            return fail->code;
    *ret_store = TAKE_PTR(store);
    return CPS_OK;
}

const struct evidence_head *store_head(const struct store *store)
{
    return &store->head;
}

const char *store_damage(const struct store *store)
{
    return store->damage[0] != '\0' ? store->damage : NULL;
}

/*
 * A name that is taken belongs to a file that holds no line of ours (find_head): it is set aside,
 * never written over.
 */
static cps_error start_file(struct store *store, struct fail *fail)
{
    char name[EVIDENCE_NAME_LEN], aside[EVIDENCE_NAME_LEN + 32];

    evidence_file_name(store->head.seq + 1, name);
    snprintf(aside, sizeof aside, "%s.damaged-%lld", name, (long long)clock_real_s());
    if (renameat(store->dir, name, store->dir, aside) < 0 && errno != ENOENT)
        return storage(fail, name);
    store->file = openat(store->dir, name,
                         O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (store->file < 0 || fsync(store->dir) < 0)
        return storage(fail, name);
    store->file_len = 0;
    return CPS_OK;
}

/* One write for all; what a full disk took of it is taken back. */
static cps_error write_all(struct store *store, const char *text, size_t len, struct fail *fail)
{
    ssize_t n = write(store->file, text, len);

    if (n == (ssize_t)len && fdatasync(store->file) == 0) {
        store->file_len += n;
        return CPS_OK;
    }
    if (n >= 0 && n < (ssize_t)len)
        errno = ENOSPC;
    storage(fail, "write");
    if (ftruncate(store->file, store->file_len) < 0)
        store->file = (close(store->file), -1); /* torn for good: the next line starts a file */
    return fail->code;
}

/* The lines joined, and the head that they lead to; NULL: they do not follow ours. */
static char *join(const json_t *lines, struct evidence_head *head, size_t *ret_len)
{
    char *text = NULL;
    FILE *stream = open_memstream(&text, ret_len);
    bool good = stream != NULL;
    const json_t *item;
    size_t i;

    json_array_foreach (lines, i, item) {
        const char *line = json_string_value(item);
        AUTO_JSON json_t *object = line != NULL ? json_parse_strict(line, strlen(line)) : NULL;
        const char *prev = json_get_string(object, "prev");

        good = good && prev != NULL && strchr(line, '\n') == NULL &&
               strlen(line) < EVIDENCE_LINE_MAX && strcmp(prev, head->hash) == 0 &&
               json_get_int(object, "seq", -1) == head->seq + 1 &&
               evidence_hash_line(line, strlen(line), head->hash) &&
               fprintf(stream, "%s\n", line) > 0;
        head->seq++;
    }
    if (stream != NULL && fclose(stream) != 0)
        good = false;
    if (good)
        return text;
    free(text);
    return NULL;
}

cps_error store_append(struct store *store, const json_t *lines, struct fail *fail)
{
    struct evidence_head head = store->head;
    size_t len = 0;
    AUTO_FREE char *text = join(lines, &head, &len);

    if (text == NULL)
        return fail_set(fail, CPS_INVALID_PARAMS, "lines that do not follow line %lld",
                        (long long)store->head.seq);
    if (store->file >= 0 && store->file_len >= store->limits.file_bytes)
        store->file = (close(store->file), -1);
    if (store->file < 0 && start_file(store, fail) != CPS_OK)
        return fail->code;
    if (len > 0 && write_all(store, text, len, fail) != CPS_OK)
        return fail->code;
    store->head = head;
    return CPS_OK;
}

/* A file is as old as its last line, which is when it was last written. */
int64_t store_expired(const struct store *store)
{
    CLEANUP(cleanup_names) struct dirent **names = NULL;
    int64_t limit = clock_real_s() - store->limits.keep_s;
    int n = list_files(store, &names);
    struct stat st;

    for (int i = n - 1; i > 0; i--)
        if (fstatat(store->dir, names[i - 1]->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            st.st_mtim.tv_sec < limit)
            return evidence_file_seq(names[i]->d_name);
    return 0;
}

cps_error store_purge(struct store *store, int64_t first_kept, struct fail *fail)
{
    CLEANUP(cleanup_names) struct dirent **names = NULL;
    int n = list_files(store, &names);

    for (int i = 1; i < n && evidence_file_seq(names[i]->d_name) <= first_kept; i++)
        if (unlinkat(store->dir, names[i - 1]->d_name, 0) < 0 && errno != ENOENT)
            return storage(fail, names[i - 1]->d_name);
    return CPS_OK;
}
