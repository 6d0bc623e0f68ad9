/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The load client, one for all servers so that its own cost is the same for all: a closed loop over
 * N connections, beside a crowd that is idle, stalled or deaf; or one event told to N subscribers.
 */
#ifndef BENCH_SOCKLOAD_H
#define BENCH_SOCKLOAD_H

#include <sys/types.h>

#include "tests/bench/stream.h"

#define CONNECTIONS_MAX 4096

struct load {
    const char *socket_path;
    enum framing framing;
    int64_t server_start_ns; /* its processor time when this program started */
    pid_t server;            /* whose processor time is counted, or 0 */
    unsigned per_call;       /* 1: a new connection for each call */
    unsigned active;         /* connections that call */
    unsigned idle;           /* connections that have played idle_script and wait */
    unsigned stalled;        /* connections that have sent half a request */
    unsigned deaf;           /* connections that send requests and never read */
    unsigned rounds;         /* fan-out: how many events are timed */
    long warmup_ms;          /* not counted */
    long duration_ms;        /* counted */
    struct script prelude;   /* played once on each connection that calls */
    struct script request;
    struct script idle_script;
    struct script rearm; /* fan-out: request that makes the next event possible */
};

/* Runs the closed loop and prints what it measured. */
void sockload_loop(const struct load *load);

/* Opens the crowd; it stays until the end of the program. */
void sockload_crowd(const struct load *load);

/* Times events from the request that causes them until the last of `idle` subscribers has them. */
void sockload_fanout(const struct load *load);

/* Processor time of both ends since the start, set-up and warm-up included, in seconds. */
double sockload_own_s(const struct load *load);

#endif
