/* SPDX-License-Identifier: Apache-2.0 */
/*
 * So many requests a minute by program, whatever its connections: a token bucket each, on the
 * boot-time clock. What one program asks in excess costs the others nothing.
 */
#ifndef AGENT_RATE_LIMIT_H
#define AGENT_RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* Programs told apart at once; the one that has asked for nothing for longest makes room. */
#define RATE_LIMIT_PROGRAMS_MAX 128

struct rate_limit;

/* per_minute 0: no limit. burst: requests that may come at once. NULL when memory is short. */
struct rate_limit *rate_limit_new(unsigned per_minute, unsigned burst);
void rate_limit_free(struct rate_limit *limit);

/*
 * Takes one request of that program from its bucket. 0: it may go on; else the milliseconds after
 * which one may, and *ret_first whether it is the first that is refused in a minute.
 */
int64_t rate_limit_take(struct rate_limit *limit, const char *program, bool *ret_first);

#endif
