/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/practice_memory.h"

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

/* base64url of 32 bytes. A line is two of them, a space between and a line feed. */
#define HASH_LEN 43
#define LINE_LEN (2 * HASH_LEN + 2)

struct choice {
    char person[HASH_LEN + 1];
    char situation[HASH_LEN + 1];
};

struct practice_memory {
    const struct keys *keys;
    char path[PATH_MAX];
    size_t n;
    struct choice list[PRACTICE_MEMORY_MAX]; /* the oldest choice first */
};

static bool is_hash(const char *text)
{
    return strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") >=
           HASH_LEN;
}

static bool read_line(const char *line, struct choice *ret_choice)
{
    if (!is_hash(line) || line[HASH_LEN] != ' ' || !is_hash(line + HASH_LEN + 1) ||
        line[LINE_LEN - 1] != '\n')
        return false;
    memcpy(ret_choice->person, line, HASH_LEN);
    memcpy(ret_choice->situation, line + HASH_LEN + 1, HASH_LEN);
    return true;
}

/* Like the secrets beside it, the file must be ours alone: anybody else's is not read. */
static FILE *open_file(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0) {
        errno = EPERM;
        return NULL;
    }
    return fdopen(TAKE_FD(fd), "r");
}

static void load(struct practice_memory *memory)
{
    FILE *file = open_file(memory->path);
    char line[LINE_LEN + 1] = "";
    size_t len = 0;

    if (file == NULL) {
        if (errno != ENOENT)
            log_warning("%s: cannot be used, practice situations are chosen anew", memory->path);
        return;
    }
    while (memory->n < PRACTICE_MEMORY_MAX && (len = fread(line, 1, LINE_LEN, file)) == LINE_LEN &&
           read_line(line, &memory->list[memory->n]))
        memory->n++;
    if (len != 0 && memory->n < PRACTICE_MEMORY_MAX) {
        log_warning("%s: damaged, practice situations are chosen anew", memory->path);
        memory->n = 0;
    }
    fclose(file);
}

struct practice_memory *practice_memory_new(const char *state_dir, const struct keys *keys)
{
    struct practice_memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        return NULL;
    memory->keys = keys;
    snprintf(memory->path, sizeof memory->path, "%s/" PRACTICE_MEMORY_FILE, state_dir);
    load(memory);
    return memory;
}

void practice_memory_free(struct practice_memory *memory)
{
    free(memory);
}

/*
 * Not synced: nobody waits for a disk here, and a choice lost with the power is chosen again. The
 * file is replaced whole or not at all.
 */
static cps_error save(const struct practice_memory *memory, struct fail *fail)
{
    char temporary[PATH_MAX];
    AUTO_CLOSE int fd = -1;
    bool good;

    if ((size_t)snprintf(temporary, sizeof temporary, "%s.new", memory->path) >= sizeof temporary)
        return fail_set(fail, CPS_STORAGE, "path too long");
    unlink(temporary);
    fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    good = fd >= 0;
    for (size_t i = 0; good && i < memory->n; i++)
        good =
            dprintf(fd, "%s %s\n", memory->list[i].person, memory->list[i].situation) == LINE_LEN;
    if (good && rename(temporary, memory->path) == 0)
        return CPS_OK;
    fail_set(fail, CPS_STORAGE, "%s: %s", memory->path, strerror(errno));
    unlink(temporary);
    return fail->code;
}

static bool hash(const struct practice_memory *memory, const char *kind, const char *subject,
                 const char *what, char ret_hash[static HASH_LEN + 1])
{
    AUTO_FREE char *text = NULL;
    AUTO_FREE char *found = NULL;

    if (asprintf(&text, "practice %s\n%s\n%s", kind, subject, what) < 0)
        return false;
    found = keys_pseudonym(memory->keys, text);
    if (found == NULL || strlen(found) != HASH_LEN)
        return false;
    memcpy(ret_hash, found, HASH_LEN + 1);
    return true;
}

/* The situation is hashed with the person: two people of one structure have nothing in common. */
static bool hash_choice(const struct practice_memory *memory, const char *subject,
                        const char *situation, struct choice *ret_choice)
{
    return memory != NULL && subject != NULL && situation != NULL &&
           hash(memory, "person", subject, "", ret_choice->person) &&
           hash(memory, "situation", subject, situation, ret_choice->situation);
}

static size_t find(const struct practice_memory *memory, const char *person)
{
    size_t i = 0;

    while (i < memory->n && strcmp(memory->list[i].person, person) != 0)
        i++;
    return i;
}

bool practice_memory_holds(const struct practice_memory *memory, const char *subject,
                           const char *situation)
{
    struct choice choice;
    size_t at;

    if (!hash_choice(memory, subject, situation, &choice))
        return false;
    at = find(memory, choice.person);
    return at < memory->n && strcmp(memory->list[at].situation, choice.situation) == 0;
}

static void drop(struct practice_memory *memory, size_t at)
{
    memory->n--;
    memmove(&memory->list[at], &memory->list[at + 1], (memory->n - at) * sizeof memory->list[0]);
}

/* Puts the list as it was back when it cannot be saved. */
static cps_error save_or_undo(struct practice_memory *memory, const struct practice_memory *before,
                              struct fail *fail)
{
    if (save(memory, fail) == CPS_OK)
        return CPS_OK;
    *memory = *before;
    return fail->code;
}

cps_error practice_memory_set(struct practice_memory *memory, const char *subject,
                              const char *situation, struct fail *fail)
{
    AUTO_FREE struct practice_memory *before = malloc(sizeof *before);
    struct choice choice;
    size_t at;

    if (before == NULL || !hash_choice(memory, subject, situation, &choice))
        return fail_set(fail, CPS_INTERNAL, "nothing to remember");
    *before = *memory;
    at = find(memory, choice.person);
    if (at < memory->n)
        drop(memory, at);
    else if (memory->n == PRACTICE_MEMORY_MAX)
        drop(memory, 0);
    memory->list[memory->n++] = choice;
    return save_or_undo(memory, before, fail);
}

cps_error practice_memory_forget(struct practice_memory *memory, const char *subject,
                                 struct fail *fail)
{
    AUTO_FREE struct practice_memory *before = malloc(sizeof *before);
    struct choice choice;
    size_t at;

    if (before == NULL || !hash_choice(memory, subject, "", &choice))
        return fail_set(fail, CPS_INTERNAL, "nobody to forget");
    *before = *memory;
    at = find(memory, choice.person);
    if (at == memory->n)
        return CPS_OK;
    drop(memory, at);
    return save_or_undo(memory, before, fail);
}
