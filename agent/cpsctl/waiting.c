/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/waiting.h"

#include <stdio.h>
#include <unistd.h>

#include "agent/cpsctl/cpsctl.h"
#include "base/clock.h"

#define ERASE "\r\033[K"

static void on_tick(void *user)
{
    struct waiting *waiting = user;

    if (!waiting->terminal)
        return;
    fputs(ERASE, stderr);
    fprintf(stderr, _("En attente de la réponse : %d s (Ctrl-C pour annuler)"),
            (int)((clock_boot_ms() - waiting->since_ms) / 1000));
    fflush(stderr);
    waiting->drawn = true;
}

void waiting_init(struct waiting *waiting, cps_agent *agent)
{
    *waiting = (struct waiting){.terminal = isatty(STDERR_FILENO) == 1};
    waiting_begin(waiting);
    cps_agent_on_tick(agent, on_tick, waiting);
}

void waiting_begin(struct waiting *waiting)
{
    waiting->since_ms = clock_boot_ms();
}

void waiting_end(struct waiting *waiting)
{
    if (waiting->drawn)
        fputs(ERASE, stderr);
    waiting->drawn = false;
}
