/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/methods_trust.h"

#include "agent/revocation.h"

void method_trust_refresh(struct agent *agent, struct request *request)
{
    revocation_refresh(agent->revocation, request);
}
