/* SPDX-License-Identifier: Apache-2.0 */
/* One question to the OCSP responder of a certificate: asked by oidcd, read by cps-revocation. */
#ifndef AGENT_OCSP_QUERY_H
#define AGENT_OCSP_QUERY_H

#include <jansson.h>
#include <openssl/x509.h>

#include "agent/agent.h"
#include "base/fail.h"

struct ocsp_query;

/* The answer as in base/proto.h, or NULL and why. The query is gone then. */
typedef void ocsp_query_done(void *user, const json_t *answer, const struct fail *fail);

/* NULL and fail when it cannot be asked. proxy may be NULL. */
struct ocsp_query *ocsp_query_new(struct agent *agent, X509 *certificate, X509 *issuer,
                                  const char *proxy, ocsp_query_done *done, void *user,
                                  struct fail *fail);

/* Gives it up without a word; NULL is fine. */
void ocsp_query_free(struct ocsp_query *query);

#endif
