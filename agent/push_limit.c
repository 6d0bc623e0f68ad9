/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/push_limit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/push_memory.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#define HOUR_MS     3600000
#define NATIONAL_ID 64 /* characters, as the API bounds them */

struct person {
    char *hash; /* keyed, of the national identifier */
    unsigned n;
    int64_t *at_ms; /* the last pushes, the oldest first */
};

struct push_limit {
    const struct keys *keys;
    struct state_store *store;
    unsigned per_hour;
    unsigned n;
    struct person people[PUSH_LIMIT_PEOPLE_MAX]; /* the one who was pushed longest ago first */
};

static void person_done(struct person *person)
{
    free(TAKE_PTR(person->hash));
    free(TAKE_PTR(person->at_ms));
}

/* A new one, the last of the list; hash is stolen. */
static struct person *add(struct push_limit *limit, char *hash)
{
    struct person *person = &limit->people[limit->n++];

    *person =
        (struct person){.hash = hash, .at_ms = calloc(limit->per_hour, sizeof *person->at_ms)};
    if (person->hash == NULL || person->at_ms == NULL)
        abort(); /* no limit could be kept any more; the supervisor starts the agent again */
    return person;
}

static void add_time(const struct push_limit *limit, struct person *person, int64_t at_ms)
{
    if (person->n == limit->per_hour) {
        person->n--;
        memmove(person->at_ms, person->at_ms + 1, person->n * sizeof *person->at_ms);
    }
    person->at_ms[person->n++] = at_ms;
}

/* What the agent before this one has counted. */
static void load(struct push_limit *limit, const char *state_dir)
{
    AUTO_JSON json_t *people = push_memory_load(state_dir);
    const json_t *json, *at;
    size_t i, k;

    json_array_foreach (people, i, json) {
        struct person *person = add(limit, strdup(json_get_string(json, "person")));

        json_array_foreach (json_get_array(json, "at_ms"), k, at)
            add_time(limit, person, json_integer_value(at));
    }
}

struct push_limit *push_limit_new(unsigned per_hour, const char *state_dir,
                                  struct state_store *store, const struct keys *keys)
{
    struct push_limit *limit = calloc(1, sizeof *limit);

    if (limit == NULL)
        return NULL;
    *limit = (struct push_limit){.keys = keys, .store = store, .per_hour = per_hour};
    load(limit, state_dir);
    return limit;
}

void push_limit_free(struct push_limit *limit)
{
    if (limit == NULL)
        return;
    for (unsigned i = 0; i < limit->n; i++)
        person_done(&limit->people[i]);
    free(limit);
}

/* An RPPS number of eleven digits and the same with its type digit are one person. */
static char *hash_of(const struct push_limit *limit, const char *national_id)
{
    bool short_form = strlen(national_id) == 11 && strspn(national_id, "0123456789") == 11;
    char text[NATIONAL_ID + 16];
    char *hash;

    snprintf(text, sizeof text, "push\n%s%s", short_form ? "8" : "", national_id);
    hash = keys_pseudonym(limit->keys, text);
    if (hash == NULL)
        abort(); /* no limit could be kept any more; the supervisor starts the agent again */
    return hash;
}

static unsigned find(const struct push_limit *limit, const char *hash)
{
    unsigned i = 0;

    while (i < limit->n && strcmp(limit->people[i].hash, hash) != 0)
        i++;
    return i;
}

static cps_error refuse(int64_t oldest_ms, struct fail *fail)
{
    fail_set(fail, CPS_PUSH_LIMITED, "the phone of this person has rung often enough");
    fail->retry_after_ms = oldest_ms + HOUR_MS - clock_boot_ms();
    return fail->code;
}

cps_error push_limit_check(const struct push_limit *limit, const char *national_id,
                           struct fail *fail)
{
    int64_t an_hour_ago_ms = clock_boot_ms() - HOUR_MS;
    AUTO_FREE char *hash = hash_of(limit, national_id);
    unsigned at = find(limit, hash);

    if (at < limit->n) {
        const struct person *person = &limit->people[at];

        if (person->n == limit->per_hour && person->at_ms[0] > an_hour_ago_ms)
            return refuse(person->at_ms[0], fail);
        return CPS_OK;
    }
    if (limit->n == PUSH_LIMIT_PEOPLE_MAX) {
        const struct person *oldest = &limit->people[0];

        if (oldest->at_ms[oldest->n - 1] > an_hour_ago_ms)
            return refuse(oldest->at_ms[oldest->n - 1], fail);
    }
    return CPS_OK;
}

/* Moves the person to the end of the list; a new one, whose hash is stolen, may take the place of
 * the first. */
static struct person *latest(struct push_limit *limit, char *hash)
{
    unsigned at = find(limit, hash);
    bool known = at < limit->n;
    struct person person;

    if (!known && limit->n < PUSH_LIMIT_PEOPLE_MAX)
        return add(limit, hash);
    at = known ? at : 0;
    person = limit->people[at];
    limit->n--;
    memmove(&limit->people[at], &limit->people[at + 1], (limit->n - at) * sizeof limit->people[0]);
    if (!known) {
        person_done(&person);
        return add(limit, hash);
    }
    free(hash);
    limit->people[limit->n++] = person;
    return &limit->people[limit->n - 1];
}

static json_t *person_json(const struct person *person, int64_t since_ms)
{
    json_t *times = json_array();

    for (unsigned i = 0; i < person->n; i++)
        if (person->at_ms[i] > since_ms)
            json_array_append_new(times, json_integer(person->at_ms[i]));
    return json_pack("{s:s, s:o}", "person", person->hash, "at_ms", times);
}

/* As the phone starts to ring: whoever ends the agent then gains nothing by it. */
static void save(const struct push_limit *limit)
{
    int64_t an_hour_ago_ms = clock_boot_ms() - HOUR_MS;
    json_t *people = json_array();

    for (unsigned i = 0; i < limit->n; i++) {
        const struct person *person = &limit->people[i];

        if (person->at_ms[person->n - 1] > an_hour_ago_ms)
            json_array_append_new(people, person_json(person, an_hour_ago_ms));
    }
    push_memory_save(limit->store, people);
}

void push_limit_count(struct push_limit *limit, const char *national_id)
{
    add_time(limit, latest(limit, hash_of(limit, national_id)), clock_boot_ms());
    save(limit);
}
