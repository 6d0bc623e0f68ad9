/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/push_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>

#include "agent/push_limit.h"
#include "agent/state_file.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#define FILE_VERSION 1

/* A hash, and as many times of thirty characters, indented. */
#define FILE_MAX (PUSH_LIMIT_PEOPLE_MAX * (100 + PUSH_LIMIT_MAX * 30))

#define HASH_MAX 64

/* Larger numbers are none of ours, and could not be counted with. */
#define TIME_MAX (INT64_C(1) << 50)

/* Which start of the machine this is. "": that cannot be told. */
static const char *this_boot(char text[static SD_ID128_STRING_MAX])
{
    sd_id128_t id;

    if (sd_id128_get_boot(&id) < 0)
        return "";
    return sd_id128_to_string(id, text);
}

static bool is_time(const json_t *value, int64_t last)
{
    return json_is_integer(value) && json_integer_value(value) >= -TIME_MAX &&
           json_integer_value(value) <= last;
}

/* Times in their order, none after the file was written. */
static bool times_are_good(const json_t *times, int64_t written_ms)
{
    int64_t before = -TIME_MAX;
    const json_t *at;
    size_t i;

    if (json_array_size(times) == 0 || json_array_size(times) > PUSH_LIMIT_MAX)
        return false;
    json_array_foreach (times, i, at) {
        if (!is_time(at, written_ms) || json_integer_value(at) < before)
            return false;
        before = json_integer_value(at);
    }
    return true;
}

static bool is_good(const json_t *file)
{
    const json_t *people = json_get_array(file, "people");
    int64_t written_ms = json_get_int(file, "boot_ms", -1);
    const json_t *person;
    size_t i;

    if (json_get_int(file, "version", 0) != FILE_VERSION || people == NULL ||
        json_get_string(file, "boot") == NULL || written_ms < 0 || written_ms > TIME_MAX ||
        !is_time(json_object_get(file, "at"), TIME_MAX) ||
        json_array_size(people) > PUSH_LIMIT_PEOPLE_MAX)
        return false;
    json_array_foreach (people, i, person) {
        const char *hash = json_get_string(person, "person");

        if (hash == NULL || hash[0] == '\0' || strlen(hash) > HASH_MAX ||
            !times_are_good(json_get_array(person, "at_ms"), written_ms))
            return false;
    }
    return true;
}

/*
 * What is to be added to times of the file. A clock that was set back would make them lie ahead:
 * nothing has passed then, and they weigh for an hour from now at most.
 */
static int64_t shift_of(const json_t *file)
{
    int64_t written_ms = json_get_int(file, "boot_ms", 0);
    int64_t passed_ms = (clock_real_s() - json_get_int(file, "at", 0)) * 1000;
    int64_t now_ms = clock_boot_ms();
    char boot[SD_ID128_STRING_MAX];

    if (strcmp(this_boot(boot), json_get_string(file, "boot")) == 0 && boot[0] != '\0' &&
        written_ms <= now_ms)
        return 0;
    return now_ms - written_ms - (passed_ms > 0 ? passed_ms : 0);
}

/* The people of a good file, with times of the present clock. */
static json_t *moved(const json_t *file)
{
    int64_t shift_ms = shift_of(file);
    json_t *people = json_incref(json_get_array(file, "people"));
    const json_t *person;
    size_t i, k;
    json_t *at;

    json_array_foreach (people, i, person)
        json_array_foreach (json_get_array(person, "at_ms"), k, at)
            json_integer_set(at, json_integer_value(at) + shift_ms);
    return people;
}

json_t *push_memory_load(const char *state_dir)
{
    AUTO_FREE char *text = state_file_load(state_dir, PUSH_MEMORY_FILE, FILE_MAX);
    AUTO_JSON json_t *file = NULL;

    if (text == NULL)
        return json_array();
    file = json_parse_strict(text, strlen(text));
    if (is_good(file))
        return moved(file);
    state_file_set_aside(state_dir, PUSH_MEMORY_FILE);
    return json_array();
}

void push_memory_save(struct state_store *store, json_t *people)
{
    char boot[SD_ID128_STRING_MAX];
    AUTO_JSON json_t *file = json_pack("{s:i, s:s, s:I, s:I, s:o}", "version", FILE_VERSION, "boot",
                                       this_boot(boot), "boot_ms", (json_int_t)clock_boot_ms(),
                                       "at", (json_int_t)clock_real_s(), "people", people);
    AUTO_FREE char *text = json_dumps(file, JSON_INDENT(1));

    if (text == NULL)
        abort(); /* no limit could be kept any more; the supervisor starts the agent again */
    state_store_put(store, PUSH_MEMORY_FILE, text, strlen(text));
}
