/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/consent_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/state_file.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#define FILE_VERSION 1

/* Paths and audiences have bounds of their own: a longer file is none of ours. */
#define FILE_MAX (CONSENT_MEMORY_MAX * 6000)

struct answer {
    char *key;    /* what it is about, in one text */
    json_t *json; /* as in the file */
};

struct consent_memory {
    struct state_store *store;
    uint64_t generation;
    int64_t next_id;
    size_t n;
    struct answer list[CONSENT_MEMORY_MAX]; /* the oldest first */
};

static char *key_of(const struct consent_about *about)
{
    char *key = NULL;

    if (asprintf(&key, "%s\n%s\n%s\n%s\n%s", about->person, about->program,
                 about->origin != NULL ? about->origin : "", policy_kind_names[about->kind],
                 about->audience) < 0)
        abort(); /* a refusal could not be honoured; the supervisor starts the agent again */
    return key;
}

static void answer_done(struct answer *answer)
{
    free(TAKE_PTR(answer->key));
    json_decref(TAKE_PTR(answer->json));
}

static void clear(struct consent_memory *memory)
{
    for (size_t i = 0; i < memory->n; i++)
        answer_done(&memory->list[i]);
    memory->n = 0;
}

static void drop(struct consent_memory *memory, size_t at)
{
    answer_done(&memory->list[at]);
    memory->n--;
    memmove(&memory->list[at], &memory->list[at + 1], (memory->n - at) * sizeof memory->list[0]);
}

static bool read_about(const json_t *json, struct consent_about *ret_about)
{
    const char *kind = json_get_string(json, "kind");

    *ret_about = (struct consent_about){.person = json_get_string(json, "person"),
                                        .program = json_get_string(json, "program"),
                                        .origin = json_get_string(json, "origin"),
                                        .audience = json_get_string(json, "audience")};
    for (int i = 0; kind != NULL && i < POLICY_KINDS; i++)
        if (strcmp(policy_kind_names[i], kind) == 0) {
            ret_about->kind = (enum policy_kind)i;
            return ret_about->person != NULL && ret_about->program != NULL &&
                   ret_about->audience != NULL && json_is_boolean(json_object_get(json, "allowed"));
        }
    return false;
}

static bool load_answers(struct consent_memory *memory, const json_t *file)
{
    const json_t *list = json_get_array(file, "answers");
    const json_t *json;
    size_t i;

    if (json_get_int(file, "version", 0) != FILE_VERSION || list == NULL ||
        json_array_size(list) > CONSENT_MEMORY_MAX)
        return false;
    json_array_foreach (list, i, json) {
        int64_t id = json_get_int(json, "id", 0);
        struct consent_about about;

        if (!read_about(json, &about) || id < 1)
            return false;
        memory->list[memory->n++] =
            (struct answer){.key = key_of(&about), .json = json_deep_copy(json)};
        memory->next_id = id >= memory->next_id ? id + 1 : memory->next_id;
    }
    if (json_get_int(file, "next_id", 0) > memory->next_id)
        memory->next_id = json_get_int(file, "next_id", 0);
    return true;
}

static void load(struct consent_memory *memory, const char *state_dir)
{
    AUTO_FREE char *text = state_file_load(state_dir, CONSENT_MEMORY_FILE, FILE_MAX);
    AUTO_JSON json_t *file = NULL;

    if (text == NULL)
        return;
    file = json_parse_strict(text, strlen(text));
    if (load_answers(memory, file))
        return;
    clear(memory);
    state_file_set_aside(state_dir, CONSENT_MEMORY_FILE);
}

struct consent_memory *consent_memory_new(const char *state_dir, struct state_store *store)
{
    struct consent_memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        return NULL;
    memory->store = store;
    memory->next_id = 1;
    load(memory, state_dir);
    return memory;
}

void consent_memory_free(struct consent_memory *memory)
{
    if (memory == NULL)
        return;
    clear(memory);
    free(memory);
}

uint64_t consent_memory_generation(const struct consent_memory *memory)
{
    return memory->generation;
}

static void save(const struct consent_memory *memory)
{
    AUTO_JSON json_t *list = json_array();
    AUTO_JSON json_t *file = NULL;
    AUTO_FREE char *text = NULL;

    for (size_t i = 0; i < memory->n; i++)
        json_array_append(list, memory->list[i].json);
    file = json_pack("{s:i, s:I, s:O}", "version", FILE_VERSION, "next_id",
                     (json_int_t)memory->next_id, "answers", list);
    text = json_dumps(file, JSON_INDENT(1));
    if (text == NULL)
        abort(); /* a refusal could not be honoured; the supervisor starts the agent again */
    state_store_put(memory->store, CONSENT_MEMORY_FILE, text, strlen(text));
}

static size_t find(const struct consent_memory *memory, const char *key)
{
    size_t i = 0;

    while (i < memory->n && strcmp(memory->list[i].key, key) != 0)
        i++;
    return i;
}

enum policy_answer consent_memory_find(const struct consent_memory *memory,
                                       const struct consent_about *about)
{
    AUTO_FREE char *key = key_of(about);
    size_t at = find(memory, key);

    if (at == memory->n)
        return POLICY_SILENT;
    return json_get_bool(memory->list[at].json, "allowed", false) ? POLICY_YES : POLICY_NO;
}

void consent_memory_add(struct consent_memory *memory, const struct consent_about *about,
                        bool allowed)
{
    char *key = key_of(about);
    size_t at = find(memory, key);

    if (at < memory->n)
        drop(memory, at);
    else if (memory->n == CONSENT_MEMORY_MAX)
        drop(memory, 0);
    memory->generation++;
    memory->list[memory->n++] = (struct answer){
        .key = key,
        .json = json_pack("{s:I, s:s, s:s, s:s*, s:s, s:s, s:b, s:I}", "id",
                          (json_int_t)memory->next_id++, "person", about->person, "program",
                          about->program, "origin", about->origin, "kind",
                          policy_kind_names[about->kind], "audience", about->audience, "allowed",
                          allowed, "at", (json_int_t)clock_real_s())};
    save(memory);
}

static bool is_about(const json_t *json, int64_t id, const char *program)
{
    const char *path = json_get_string(json, "program");
    const char *origin = json_get_string(json, "origin");

    return (id == 0 || json_get_int(json, "id", 0) == id) &&
           (program == NULL || strcmp(program, path) == 0 ||
            (origin != NULL && strcmp(program, origin) == 0));
}

unsigned consent_memory_revoke(struct consent_memory *memory, int64_t id, const char *program)
{
    size_t before = memory->n;
    size_t i = 0;

    while (i < memory->n)
        if (is_about(memory->list[i].json, id, program))
            drop(memory, i);
        else
            i++;
    if (memory->n < before) {
        memory->generation++;
        save(memory);
    }
    return (unsigned)(before - memory->n);
}

json_t *consent_memory_json(const struct consent_memory *memory, const char *person)
{
    json_t *list = json_array();

    for (size_t i = 0; i < memory->n; i++) {
        json_t *json = json_copy(memory->list[i].json);
        const char *whose = json_get_string(json, "person");

        json_object_set_new(json, "mine",
                            json_boolean(person != NULL && strcmp(person, whose) == 0));
        json_object_del(json, "person");
        json_array_append_new(list, json);
    }
    return list;
}
