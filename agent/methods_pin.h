/* SPDX-License-Identifier: Apache-2.0 */
/* The API methods that change the PIN of a card or unblock it. */
#ifndef AGENT_METHODS_PIN_H
#define AGENT_METHODS_PIN_H

#include "agent/agent.h"
#include "agent/request.h"

void method_change_pin(struct agent *agent, struct request *request);
void method_unblock_pin(struct agent *agent, struct request *request);

#endif
