/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desktop session around us: whether it is the one at the desk, locked, or about to sleep, and
 * what follows for cards and the clinician session. While nobody of ours is at the desk the PIN is
 * forgotten, the card service is given up, and logins are refused.
 */
#ifndef AGENT_DESKTOP_H
#define AGENT_DESKTOP_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "base/fail.h"

struct desktop;

struct desktop *desktop_new(struct agent *agent);
void desktop_free(struct desktop *desktop);

/* The state is known from now on; before, it counts as active and unlocked. */
void desktop_set_active(struct desktop *desktop, bool active);
void desktop_set_locked(struct desktop *desktop, bool locked);

/* The machine is about to sleep: ready is called once nothing is left of any PIN. */
void desktop_sleep(struct desktop *desktop, void (*ready)(void *user), void *user);

/* It is awake again, or did not sleep after all. */
void desktop_wake(struct desktop *desktop);

/* CPS_OK, or SESSION_BACKGROUND: nobody of this session is at the desk. */
cps_error desktop_check(const struct desktop *desktop, struct fail *fail);

/* {"state": "unknown" | "active" | "background" | "suspended", "locked": bool} */
json_t *desktop_json(const struct desktop *desktop);

#endif
