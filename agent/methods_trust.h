/* SPDX-License-Identifier: Apache-2.0 */
/* The methods "trust.…" of the API. */
#ifndef AGENT_METHODS_TRUST_H
#define AGENT_METHODS_TRUST_H

#include "agent/agent.h"
#include "agent/request.h"

void method_trust_refresh(struct agent *agent, struct request *request);

#endif
