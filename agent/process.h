/* SPDX-License-Identifier: Apache-2.0 */
/* Processes: started without fork, watched by a pidfd, reaped by the event loop. */
#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include <stdbool.h>

#include "agent/agent.h"

struct process;

/*
 * Starts libexec_dir/program with channel as its descriptor 3, default signals and its own session
 * group. on_exit is called once, from the event loop, when it has ended; the handle is then gone.
 * Returns 0 or a negative errno.
 */
int process_start(struct agent *agent, const char *program, const char *const *args, int channel,
                  void (*on_exit)(void *user), void *user, struct process **ret_process);

/* Waits for its end, at most so long: only for when the agent ends and nobody waits for it. False:
 * it has not ended. */
bool process_await(const struct process *process, int timeout_ms);

/* SIGKILL: its end is reported through on_exit. */
void process_kill(struct process *process);

/*
 * Nobody wants to hear of it any more: the handle is the loop's from now on. Its channel is being
 * closed, which ends it; a prompt then gives the terminal back. SIGKILL after PROCESS_GRACE_MS.
 */
#define PROCESS_GRACE_MS 1500
void process_abandon(struct process *process);

#endif
