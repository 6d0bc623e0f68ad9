/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/practice_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state_file.h"
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
    struct state_store *store;
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

/* The choices of a file's text; false: it is damaged. */
static bool read_lines(struct practice_memory *memory, const char *text)
{
    size_t len = strlen(text);

    for (; len > 0; text += LINE_LEN, len -= LINE_LEN)
        if (len < LINE_LEN || !read_line(text, &memory->list[memory->n++]))
            return false;
    return true;
}

static void load(struct practice_memory *memory, const char *state_dir)
{
    AUTO_FREE char *text =
        state_file_load(state_dir, PRACTICE_MEMORY_FILE, PRACTICE_MEMORY_MAX * LINE_LEN);

    if (text == NULL || read_lines(memory, text))
        return;
    memory->n = 0; /* situations are chosen anew */
    state_file_set_aside(state_dir, PRACTICE_MEMORY_FILE);
}

struct practice_memory *practice_memory_new(const char *state_dir, struct state_store *store,
                                            const struct keys *keys)
{
    struct practice_memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        return NULL;
    memory->keys = keys;
    memory->store = store;
    load(memory, state_dir);
    return memory;
}

void practice_memory_free(struct practice_memory *memory)
{
    free(memory);
}

static void save(const struct practice_memory *memory)
{
    AUTO_FREE char *text = malloc(memory->n * LINE_LEN + 1);

    if (text == NULL)
        abort(); /* what was forgotten could come back; the supervisor starts the agent again */
    for (size_t i = 0; i < memory->n; i++)
        snprintf(text + i * LINE_LEN, LINE_LEN + 1, "%s %s\n", memory->list[i].person,
                 memory->list[i].situation);
    state_store_put(memory->store, PRACTICE_MEMORY_FILE, text, memory->n * LINE_LEN);
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

void practice_memory_set(struct practice_memory *memory, const char *subject, const char *situation)
{
    struct choice choice;
    size_t at;

    if (!hash_choice(memory, subject, situation, &choice))
        return;
    at = find(memory, choice.person);
    if (at < memory->n)
        drop(memory, at);
    else if (memory->n == PRACTICE_MEMORY_MAX)
        drop(memory, 0);
    memory->list[memory->n++] = choice;
    save(memory);
}

bool practice_memory_forget(struct practice_memory *memory, const char *subject)
{
    struct choice choice;
    size_t at;

    if (!hash_choice(memory, subject, "", &choice))
        return false;
    at = find(memory, choice.person);
    if (at == memory->n)
        return false;
    drop(memory, at);
    save(memory);
    return true;
}
