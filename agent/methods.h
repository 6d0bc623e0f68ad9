/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of the socket API; what each takes and gives is in docs/api/. */
#ifndef AGENT_METHODS_H
#define AGENT_METHODS_H

#include "agent/agent.h"
#include "agent/api/api_check.h"
#include "agent/request.h"

/* Called with checked parameters; answers the request or keeps it (agent/request.h). */
typedef void (*method_handler)(struct agent *agent, struct request *request);

/* Those that have a file of their own. */
void method_card_certificate(struct agent *agent, struct request *request);
void method_card_report(struct agent *agent, struct request *request);
void method_session_login(struct agent *agent, struct request *request);
void method_session_current(struct agent *agent, struct request *request);
void method_session_lock(struct agent *agent, struct request *request);
void method_session_unlock(struct agent *agent, struct request *request);
void method_session_step_up(struct agent *agent, struct request *request);
void method_session_logout(struct agent *agent, struct request *request);
void method_session_practice(struct agent *agent, struct request *request);
void method_keys_rotate(struct agent *agent, struct request *request);
void method_proxy_send(struct agent *agent, struct request *request);
void method_token_introspect(struct agent *agent, struct request *request);
void method_token_exchange(struct agent *agent, struct request *request);
void method_provider_check(struct agent *agent, struct request *request);

/* Indexed by enum api_method_id. */
extern const method_handler method_handlers[API_METHOD_COUNT];

#endif
