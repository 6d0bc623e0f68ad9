/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of APIs that a session's token was exchanged for (RFC 8693), ready to be sent: each is
 * kept for its life, and never longer than the session. One exchange for all who ask at the same
 * time. oidcd does it; which program may have the token of which API is in apis.d.
 */
#ifndef AGENT_EXCHANGE_H
#define AGENT_EXCHANGE_H

#include <stdint.h>

#include "agent/agent.h"
#include "agent/request.h"

/* APIs that a session has tokens of at one time: as many as there are files. */
#define EXCHANGE_APIS_MAX 16

struct exchange;

struct exchange *exchange_new(struct agent *agent);
void exchange_free(struct exchange *exchange);

/* The session at the provider whose token is exchanged. */
struct exchange_source {
    const char *handle; /* oidcd's name for it */
    int64_t epoch;      /* of the clinician session */
    int64_t ends_at_s;  /* when that ends at the latest; seconds since 1970 */
};

/*
 * Whether apis.d has that API, and names that program for it: API_UNKNOWN, NOT_ALLOWED. program
 * NULL: one that cannot be told.
 */
cps_error exchange_check(const struct agent *agent, const char *program, const char *api,
                         struct fail *fail);

/* Answers token.exchange: from memory when the token lives min_ttl_s more, else after an exchange.
 */
void exchange_get(struct exchange *exchange, struct request *request,
                  const struct exchange_source *source, const char *api, int64_t min_ttl_s);

/* Those who wait get this reason; what is kept, and what is under way, stays. */
void exchange_hold(struct exchange *exchange, const struct fail *why);

/* Wipes all tokens as well, and gives up what is under way. */
void exchange_drop(struct exchange *exchange, const struct fail *why);

#endif
