/* SPDX-License-Identifier: Apache-2.0 */
/* The methods behind the PKCS#11 module that other programs load; see agent/methods.h. */
#ifndef AGENT_METHODS_PKCS11_H
#define AGENT_METHODS_PKCS11_H

#include "agent/agent.h"
#include "agent/request.h"

void method_pkcs11_tokens(struct agent *agent, struct request *request);
void method_pkcs11_login(struct agent *agent, struct request *request);
void method_pkcs11_sign(struct agent *agent, struct request *request);
void method_pkcs11_decrypt(struct agent *agent, struct request *request);
void method_pkcs11_object(struct agent *agent, struct request *request);

#endif
