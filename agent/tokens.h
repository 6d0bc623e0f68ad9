/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider's tokens of one session, ready to be sent: each answer is rendered once and spliced
 * into the line of whoever asks. The refresh token stays in oidcd.
 */
#ifndef AGENT_TOKENS_H
#define AGENT_TOKENS_H

#include <jansson.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/request.h"
#include "agent/token_kind.h"

struct session;
struct tokens;

struct tokens *tokens_new(struct agent *agent, struct session *session);
void tokens_free(struct tokens *tokens);

/* Keeps the tokens of a login (answer of oidcd, borrowed; NULL: a login without any). */
void tokens_take(struct tokens *tokens, const json_t *login, int64_t epoch);

/* Wipes them and has oidcd end the provider's session; those who wait get SESSION_CHANGED. */
void tokens_drop(struct tokens *tokens);

/* Its owner has left the desk: those who wait get this reason. What is kept, and a refresh that is
 * under way, stay. */
void tokens_hold(struct tokens *tokens, const struct fail *why);

/* The owner has logged in again: as tokens_take(), instead of what was kept. The former session of
 * the provider ends, unless it is the one that the new login goes on with: oidcd knows. */
void tokens_replace(struct tokens *tokens, const json_t *login);

/* Another number after each login that brought some. */
unsigned tokens_generation(const struct tokens *tokens);

/* The provider of the session's tokens, or NULL: it has none. Borrowed. */
const char *tokens_provider(const struct tokens *tokens);

/* An e-Santé proxy keeps them: the session goes by it, whatever has proved its owner since. */
bool tokens_are_at_proxy(const struct tokens *tokens);

/* The name that oidcd has for the provider's session, or NULL. Borrowed. */
const char *tokens_handle(const struct tokens *tokens);

/*
 * Answers token.get while the session is open: from the cache when the token lives min_ttl_s more,
 * else after a refresh that all callers share. provider: NULL, or the one the caller insists on.
 */
void tokens_get(struct tokens *tokens, struct request *request, enum token_kind kind,
                const char *provider, int64_t min_ttl_s);

/*
 * Answers token.exchange the same way, with a token for that API (agent/exchange.h) that the
 * session's was exchanged for.
 */
void tokens_exchange(struct tokens *tokens, struct request *request, const char *api,
                     int64_t min_ttl_s);

/* When the access token ends, seconds since 1970; 0: there is none. */
int64_t tokens_expires_at_s(const struct tokens *tokens);

#endif
