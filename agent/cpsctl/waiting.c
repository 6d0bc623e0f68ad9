/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/waiting.h"

#include <stdio.h>

#include "agent/cpsctl/cpsctl.h"
#include "agent/cpsctl/screen.h"
#include "base/clock.h"

static void on_tick(void *user)
{
    struct waiting *waiting = user;
    char text[128];

    if (!waiting->terminal)
        return;
    snprintf(text, sizeof text, _("En attente de la réponse : %d s (Ctrl-C pour annuler)"),
             (int)((clock_boot_ms() - waiting->since_ms) / 1000));
    screen_draw(text, "");
}

void waiting_init(struct waiting *waiting, cps_agent *agent)
{
    *waiting = (struct waiting){.terminal = screen_can_redraw()};
    waiting_begin(waiting);
    cps_agent_on_tick(agent, on_tick, waiting);
}

void waiting_begin(struct waiting *waiting)
{
    waiting->since_ms = clock_boot_ms();
}
