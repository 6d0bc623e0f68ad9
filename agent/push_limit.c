/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/push_limit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

#define HOUR_MS     3600000
#define NATIONAL_ID 64 /* characters, as the API bounds them */

struct person {
    char national_id[NATIONAL_ID + 2];
    unsigned n;
    int64_t *at_ms; /* the last pushes, the oldest first */
};

struct push_limit {
    unsigned per_hour;
    unsigned n;
    struct person people[PUSH_LIMIT_PEOPLE_MAX]; /* the one who was pushed longest ago first */
};

struct push_limit *push_limit_new(unsigned per_hour)
{
    struct push_limit *limit = calloc(1, sizeof *limit);

    if (limit != NULL)
        limit->per_hour = per_hour;
    return limit;
}

void push_limit_free(struct push_limit *limit)
{
    for (unsigned i = 0; limit != NULL && i < limit->n; i++)
        free(limit->people[i].at_ms);
    free(limit);
}

/* An RPPS number of eleven digits and the same with its type digit are one person. */
static void name_person(const char *national_id, char name[NATIONAL_ID + 2])
{
    bool short_form = strlen(national_id) == 11 && strspn(national_id, "0123456789") == 11;

    snprintf(name, NATIONAL_ID + 2, "%s%s", short_form ? "8" : "", national_id);
}

static unsigned find(const struct push_limit *limit, const char *name)
{
    unsigned i = 0;

    while (i < limit->n && strcmp(limit->people[i].national_id, name) != 0)
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
    char name[NATIONAL_ID + 2];
    unsigned at;

    name_person(national_id, name);
    at = find(limit, name);
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

/* Moves the person to the end of the list; a new one may take the place of the first. */
static struct person *latest(struct push_limit *limit, const char *name)
{
    unsigned at = find(limit, name);
    struct person person = {0};

    if (at == limit->n && limit->n == PUSH_LIMIT_PEOPLE_MAX) {
        at = 0;
        free(TAKE_PTR(limit->people[0].at_ms));
    } else if (at < limit->n) {
        person = limit->people[at];
    }
    if (at < limit->n) {
        limit->n--;
        memmove(&limit->people[at], &limit->people[at + 1],
                (limit->n - at) * sizeof limit->people[0]);
    }
    if (person.at_ms == NULL) {
        snprintf(person.national_id, sizeof person.national_id, "%s", name);
        person.at_ms = calloc(limit->per_hour, sizeof *person.at_ms);
        if (person.at_ms == NULL)
            abort(); /* no limit could be kept any more; the supervisor starts the agent again */
    }
    limit->people[limit->n++] = person;
    return &limit->people[limit->n - 1];
}

void push_limit_count(struct push_limit *limit, const char *national_id)
{
    char name[NATIONAL_ID + 2];
    struct person *person;

    name_person(national_id, name);
    person = latest(limit, name);
    if (person->n == limit->per_hour) {
        person->n--;
        memmove(person->at_ms, person->at_ms + 1, person->n * sizeof *person->at_ms);
    }
    person->at_ms[person->n++] = clock_boot_ms();
}
