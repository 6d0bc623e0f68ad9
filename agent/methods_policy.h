/* SPDX-License-Identifier: Apache-2.0 */
/* policy.…: the rules in force, what was answered, and taking it back. */
#ifndef AGENT_METHODS_POLICY_H
#define AGENT_METHODS_POLICY_H

#include "agent/methods.h"

void method_policy_list(struct agent *agent, struct request *request);
void method_policy_check(struct agent *agent, struct request *request);
void method_policy_revoke(struct agent *agent, struct request *request);

#endif
