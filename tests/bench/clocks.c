/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/clocks.h"

#include <err.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_ns(clockid_t clock)
{
    struct timespec now;

    if (clock_gettime(clock, &now) < 0)
        err(EXIT_FAILURE, "clock_gettime");
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t clocks_now_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

int64_t clocks_cpu_ns(pid_t pid)
{
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0)
        errx(EXIT_FAILURE, "process %d has no clock: is it gone?", (int)pid);
    return read_ns(clock);
}

void clocks_pin(int core)
{
    cpu_set_t cores;

    if (core < 0)
        return;
    CPU_ZERO(&cores);
    CPU_SET((unsigned)core, &cores);
    if (sched_setaffinity(0, sizeof cores, &cores) < 0)
        err(EXIT_FAILURE, "core %d", core);
}
