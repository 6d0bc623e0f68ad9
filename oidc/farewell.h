/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logouts that the provider has not heard of: the session is closed here, and the provider is told
 * again, with longer and longer pauses, until it answers or its tokens are too old to matter.
 * Memory only: what is left when this process ends is not told.
 */
#ifndef OIDC_FAREWELL_H
#define OIDC_FAREWELL_H

#include "base/secret.h"
#include "oidc/request.h"
#include "oidc/store.h"
#include "oidc/token_endpoint.h"

/* Sessions that wait for their end; the oldest one is given up for a new one. */
#define FAREWELLS_MAX 32

/* What is still to be told; the members are taken over. */
struct farewell_words {
    struct tokens tokens; /* id_token: end_session; refresh_token: revocation; NULL: told already */
    struct secret *cookie;       /* of an e-Santé proxy: /disconnect; or NULL */
    char sid[STORE_SID_MAX + 1]; /* the provider's name for the session, or "" */
};

void farewell_add(struct oidcd *oidcd, struct provider *provider, struct farewell_words *words);

/* A new login goes on with that session of the provider: it must not be ended any more. */
void farewells_withdraw(struct oidcd *oidcd, const struct provider *provider, const char *sid);

/* Tells the agent, which keeps the record, what became of a logout. */
void farewell_report(const struct provider *provider, bool ended, unsigned tries);

/* At exit. */
void farewells_drop(struct oidcd *oidcd);

#endif
