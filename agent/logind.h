/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What logind says of the machine and of our desktop session, for agent/desktop.h: sleep, active or
 * not, locked. Every call is asynchronous; without a system bus or logind nothing happens at all.
 */
#ifndef AGENT_LOGIND_H
#define AGENT_LOGIND_H

#include "agent/agent.h"

/* How long logind may take to answer; it is then done without. */
#define LOGIND_TIMEOUT_MS 10000

struct logind;

struct logind *logind_new(struct agent *agent);
void logind_free(struct logind *logind);

/* Connects and listens. */
void logind_start(struct logind *logind);

#endif
