/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/rate_limit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/util.h"

#define MINUTE_MS 60000

/*
 * The level counts in sixty-thousandths of a request: a millisecond adds as many of them as there
 * are requests a minute, and nothing is lost to rounding.
 */
struct bucket {
    char *program;
    int64_t level;
    int64_t at_ms;   /* when the level was that */
    int64_t told_ms; /* of the last refusal that was the first of its minute */
};

struct rate_limit {
    int64_t per_minute;
    int64_t full; /* level */
    unsigned n;
    struct bucket buckets[RATE_LIMIT_PROGRAMS_MAX];
};

struct rate_limit *rate_limit_new(unsigned per_minute, unsigned burst)
{
    struct rate_limit *limit = calloc(1, sizeof *limit);

    if (limit == NULL)
        return NULL;
    limit->per_minute = per_minute;
    limit->full = (int64_t)burst * MINUTE_MS;
    return limit;
}

void rate_limit_free(struct rate_limit *limit)
{
    for (unsigned i = 0; limit != NULL && i < limit->n; i++)
        free(limit->buckets[i].program);
    free(limit);
}

/* The bucket of that program: its own, a new one, or the one that was idle for longest. */
static struct bucket *bucket_of(struct rate_limit *limit, const char *program, int64_t now_ms)
{
    struct bucket *found = NULL;

    for (unsigned i = 0; i < limit->n; i++) {
        struct bucket *bucket = &limit->buckets[i];

        if (strcmp(bucket->program, program) == 0)
            return bucket;
        if (found == NULL || bucket->at_ms < found->at_ms)
            found = bucket;
    }
    if (limit->n < RATE_LIMIT_PROGRAMS_MAX)
        found = &limit->buckets[limit->n++];
    free(found->program);
    *found = (struct bucket){.program = strdup(program),
                             .level = limit->full,
                             .at_ms = now_ms,
                             .told_ms = now_ms - MINUTE_MS};
    if (found->program == NULL)
        abort(); /* no limit could be kept any more; the supervisor starts the agent again */
    return found;
}

int64_t rate_limit_take(struct rate_limit *limit, const char *program, bool *ret_first)
{
    int64_t now_ms = clock_boot_ms();
    int64_t missing;
    struct bucket *bucket;

    *ret_first = false;
    if (limit->per_minute == 0)
        return 0;
    bucket = bucket_of(limit, program, now_ms);
    /* Longer than it takes to fill: the product below cannot overflow. */
    if (now_ms - bucket->at_ms >= limit->full / limit->per_minute + 1)
        bucket->level = limit->full;
    else
        bucket->level += (now_ms - bucket->at_ms) * limit->per_minute;
    if (bucket->level > limit->full)
        bucket->level = limit->full;
    bucket->at_ms = now_ms;
    if (bucket->level >= MINUTE_MS) {
        bucket->level -= MINUTE_MS;
        return 0;
    }
    *ret_first = now_ms - bucket->told_ms >= MINUTE_MS;
    if (*ret_first)
        bucket->told_ms = now_ms;
    missing = MINUTE_MS - bucket->level;
    return (missing + limit->per_minute - 1) / limit->per_minute;
}
