/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/samples.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/clocks.h"

#define SAMPLES_MAX (1 << 20)

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

static size_t run(void (*call)(void *user), void *user, long duration_ms, uint32_t *samples_ns)
{
    int64_t end_ns = clocks_now_ns() + duration_ms * 1000000;
    size_t n = 0;

    while (n < SAMPLES_MAX && clocks_now_ns() < end_ns) {
        int64_t start_ns = clocks_now_ns();

        call(user);
        samples_ns[n++] = (uint32_t)(clocks_now_ns() - start_ns);
    }
    return n;
}

void samples_of(void (*call)(void *user), void *user, long duration_ms, long warmup_ms,
                pid_t server)
{
    uint32_t *samples_ns = calloc(SAMPLES_MAX, sizeof *samples_ns);
    int64_t server_ns, start_ns, all_ns;
    size_t n;

    if (samples_ns == NULL)
        err(EXIT_FAILURE, "calloc");
    all_ns = server != 0 ? clocks_cpu_ns(server) : 0;
    call(user);
    (void)run(call, user, warmup_ms, samples_ns);
    server_ns = server != 0 ? clocks_cpu_ns(server) : 0;
    start_ns = clocks_now_ns();
    n = run(call, user, duration_ms, samples_ns);
    start_ns = clocks_now_ns() - start_ns;
    qsort(samples_ns, n, sizeof *samples_ns, compare);
    printf("{\"calls\": %zu, \"wall_s\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
           "\"server_s\": %.6f, \"own_s\": %.6f}\n",
           n, (double)start_ns / 1e9, samples_ns[(n - 1) / 2] / 1000.0,
           samples_ns[(n - 1) * 99 / 100] / 1000.0,
           (double)(server != 0 ? clocks_cpu_ns(server) - server_ns : 0) / 1e9,
           (double)(clocks_cpu_ns(0) + (server != 0 ? clocks_cpu_ns(server) - all_ns : 0)) / 1e9);
    free(samples_ns);
}
