/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins asked for before it is known which cards, or which providers, there are, just after the
 * agent's start: they are logins under way, which others may follow, but have not begun.
 */
#ifndef AGENT_LOGIN_EARLY_H
#define AGENT_LOGIN_EARLY_H

#include "agent/login.h"

/* Has the request wait; begin then serves it. Those of one purpose and key are one login. */
void login_early(struct agent *agent, struct request *request, enum login_purpose purpose,
                 const char *key, bool (*is_known)(struct agent *agent), login_begins *begin);

#endif
