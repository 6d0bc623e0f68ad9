/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules for programs, read again while the agent runs. The site's are local, and hold at once;
 * the user's may be in a home that hangs: cps-state reads them, and until it has, or when it
 * cannot, they stay as they were.
 */
#ifndef AGENT_POLICY_REFRESH_H
#define AGENT_POLICY_REFRESH_H

#include "agent/agent.h"

struct policy_refresh;

/* NULL: no memory. Nothing is read yet. */
struct policy_refresh *policy_refresh_new(struct agent *agent);
void policy_refresh_free(struct policy_refresh *refresh);

/* Programs are told, by an event, when all is read. One under way begins again. */
void policy_refresh_start(struct policy_refresh *refresh);

#endif
