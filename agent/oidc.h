/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's side of oidcd: its process, kept alive, and what is asked of it. */
#ifndef AGENT_OIDC_H
#define AGENT_OIDC_H

#include <jansson.h>

#include "agent/agent.h"
#include "agent/child.h"

struct oidc;

struct oidc *oidc_new(struct agent *agent);
void oidc_free(struct oidc *oidc);

/* Starts the process; it is restarted with back-off when it dies. */
void oidc_start(struct oidc *oidc);

/* The arguments are those of child_call(); params is stolen. NULL and fail when oidcd is down. */
struct call *oidc_call(struct oidc *oidc, const char *op, json_t *params, int64_t timeout_ms,
                       call_done done, call_progress progress, void *user, struct fail *fail);

/* The same with a descriptor to pass, which stays the caller's. */
struct call *oidc_call_fd(struct oidc *oidc, const char *op, json_t *params, int fd,
                          int64_t timeout_ms, call_done done, void *user, struct fail *fail);

/* Has oidcd give a call up; its functions are not called any more. NULL is fine. */
void oidc_cancel(struct oidc *oidc, struct call *call);

/* Ends the provider's session in the background: nobody waits for a network to leave. */
void oidc_logout(struct oidc *oidc, const char *handle);

/* The profile to use: the one asked for, the one configured, or the first there is; or NULL. */
const char *oidc_provider(const struct oidc *oidc, const char *asked);

/* The same for a method of its own: the first profile that serves it, when none is asked for. */
const char *oidc_provider_of(const struct oidc *oidc, const char *asked, const char *method);

/*
 * False: the agent has just started, and it is not known yet which providers there are.
 * logins_known() is called when it is, soon, or cannot be.
 */
bool oidc_known(struct agent *agent);

/* Asks oidcd in the background how its providers do; subscribers hear of changes. */
void oidc_look(struct oidc *oidc);

/* Last known list, as the API shows it. */
json_t *oidc_providers_json(const struct oidc *oidc);
/* What is known of an API of apis.d: {name, programs, state…}; NULL: there is none. Borrowed. */
const json_t *oidc_api(const struct oidc *oidc, const char *name);
json_t *oidc_apis_json(const struct oidc *oidc);

const char *oidc_state(const struct oidc *oidc);

#endif
