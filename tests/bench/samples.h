/* SPDX-License-Identifier: Apache-2.0 */
/* Calls one after the other for a while, each timed; printed as bench-sockload does. */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stdint.h>
#include <sys/types.h>

/* Calls again and again for so long, after a warm-up. server: whose processor time is counted, or
 * 0. Prints one line of JSON. */
void samples_of(void (*call)(void *user), void *user, long duration_ms, long warmup_ms,
                pid_t server);

#endif
