/* SPDX-License-Identifier: Apache-2.0 */
/* A call that takes more than a second says so, on a terminal, and for how long it has. */
#ifndef CPSCTL_WAITING_H
#define CPSCTL_WAITING_H

#include <cps/agent.h>
#include <stdbool.h>
#include <stdint.h>

struct waiting {
    int64_t since_ms; /* boot time */
    bool terminal;    /* a line on standard error can be written anew */
};

/*
 * For the calls of this connection, until something else shows what they wait for
 * (cps_agent_on_tick).
 */
void waiting_init(struct waiting *waiting, cps_agent *agent);

/* Before a call. After it the line is taken away by screen_erase(). */
void waiting_begin(struct waiting *waiting);

#endif
