/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The login statement: a JWS (ES256, typ "cps-login+jwt") of at most STATEMENT_TTL_S, for one
 * audience and one nonce, that says who is at the desk, how strongly it was proved and when.
 */
#ifndef AGENT_STATEMENT_H
#define AGENT_STATEMENT_H

#include <stdint.h>

#include "agent/agent.h"
#include "base/fail.h"

#define STATEMENT_TTL_S 120
#define STATEMENT_TYP   "cps-login+jwt"

/* What a statement is made for; all borrowed. */
struct statement_want {
    const char *audience;
    const char *nonce;
    int lifetime_s;             /* of the rule of who asks, or 0: STATEMENT_TTL_S */
    const char *counter_signer; /* base64url of the SHA-256 of the certificate of the card whose
                                   counter-signature goes with it, or NULL */
};

/*
 * A statement on the session that is open; NO_SESSION or SESSION_LOCKED otherwise. The caller frees
 * the text.
 */
cps_error statement_make(struct agent *agent, const struct statement_want *want, char **ret_jws,
                         int64_t *ret_expires_at_s, struct fail *fail);

#endif
