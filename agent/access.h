/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate between a connection and what it asks for: its rule, found once for a connection and
 * again when rules or answers change, and the limits.
 */
#ifndef AGENT_ACCESS_H
#define AGENT_ACCESS_H

#include "agent/agent.h"
#include "agent/api/api_check.h"
#include "agent/policy.h"
#include "agent/request.h"

/* The rule of the program, or web origin, at the other end. Borrowed until the loop turns. */
const struct policy_rule *access_rule(struct conn *conn);

/*
 * What of that rule holds for an audience, as access_request() has it; NULL: for none. Borrowed
 * until another is asked for.
 */
const struct policy_rule *access_rule_for(struct conn *conn, const char *audience);

/* What a call is for: see access_request(). NULL: nothing, or that is not known yet. */
const char *access_audience(const struct agent *agent, const struct api_method *method,
                            const json_t *params);

/*
 * CPS_NOT_ALLOWED when its rule does not permit the call; else whether somebody may be asked
 * anything on its behalf.
 */
cps_error access_permits(struct conn *conn, const struct api_method *method, const json_t *params,
                         bool *ret_interaction, struct fail *fail);

/* Goes on with a request that was allowed: at once or later, with the session it was allowed for.
 */
typedef void (*access_granted)(struct agent *agent, struct request *request);

/*
 * Something is asked for in the name of the person at the desk: granted is called when rules,
 * remembered answers or the user allow it, else the request fails. audience: of the statement or
 * exchanged token, service of a proxy, provider of the session's own tokens. Without a session
 * granted is called too: it says so.
 */
void access_request(struct agent *agent, struct request *request, enum policy_kind kind,
                    const char *audience, access_granted granted);

/* For consent.c: CPS_NOT_ALLOWED when a rule says no by now, whatever was answered. */
cps_error access_look_again(struct conn *conn, enum policy_kind kind, const char *audience,
                            struct fail *fail);

/* For consent.c: allowed to the connection; a token of the session is then spared the next look. */
void access_note(struct conn *conn, enum policy_kind kind);

/* CPS_OK and the web origin of a hello taken over, or why it is refused. origin NULL: none. */
cps_error access_set_origin(struct conn *conn, const char *origin, struct fail *fail);

/* The limits of the configuration. Nothing when memory is short. */
struct rate_limit *access_rate_new(const struct config *config);
struct push_limit *access_pushes_new(const struct agent *agent);

#endif
