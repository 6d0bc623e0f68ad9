/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks of the bench: wall time, processor time of any process. A failure ends the program. */
#ifndef BENCH_CLOCKS_H
#define BENCH_CLOCKS_H

#include <stdint.h>
#include <sys/types.h>

/* CLOCK_MONOTONIC, comparable between programs and with Python's time.monotonic_ns(). */
int64_t clocks_now_ns(void);

/* Processor time that a process has used, in user and system mode; pid 0: this one. */
int64_t clocks_cpu_ns(pid_t pid);

/* Nanoseconds in microseconds, for print. */
static inline double clocks_us(int64_t ns)
{
    return (double)ns / 1000;
}

/* Ties this process to one core; -1: leaves it free. */
void clocks_pin(int core);

#endif
