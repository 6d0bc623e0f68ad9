/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider sessions that logins opened: what a refresh and a logout need. Memory only. A
 * handle is random, so one of an earlier run never names a session of this one.
 */
#ifndef OIDC_STORE_H
#define OIDC_STORE_H

#include <jansson.h>
#include <stdbool.h>

#include "oidc/flight.h"
#include "oidc/pkce.h"
#include "oidc/provider.h"
#include "oidc/rest.h"
#include "oidc/token_endpoint.h"

/* Sessions at one time: one person at the desk, a few that their logout did not close yet. */
#define STORE_MAX 64

/* Longest name that is remembered. */
#define STORE_SID_MAX 127

struct oidc_session {
    struct oidc_session *next;
    char handle[PKCE_VALUE_SIZE];
    struct provider *provider;
    char nonce[PKCE_VALUE_SIZE]; /* "" when none was sent */
    char sub[256];
    char sid[STORE_SID_MAX + 1]; /* the provider's name for its session, or "": it gave none */
    int64_t auth_at;             /* when the person proved who they are; seconds since 1970 */
    struct secret *cookie;       /* of an e-Santé proxy, which keeps the tokens; else NULL */
    struct tokens tokens;        /* the last ones */
    int64_t id_token_exp_at; /* of the ID token that the last refresh brought; 0: it brought none */
    /* Owned by oidc/refresh.c: a refresh under way, its new tokens, its wait for new keys. */
    struct flight refresh;
    bool refreshing;
    bool sent;        /* the refresh under way has left this machine */
    bool reusable;    /* the provider has been seen to let its refresh tokens serve again */
    struct rest rest; /* a provider that was down is left in peace */
    struct tokens fresh;
    struct waiter keys;
    struct store *store;
};

struct store {
    struct oidc_session *first;
    unsigned n;
};

/* A new session that takes over the tokens; NULL when there are too many. */
struct oidc_session *store_add(struct store *store, struct provider *provider, const char *sub,
                               const char *nonce, struct tokens *tokens);

/* NULL when the handle is unknown, closed or no string at all. */
struct oidc_session *store_find(const struct store *store, const char *handle);

/* Another handle goes on with the same session of the provider, as a browser that was still logged
 * in gives it: ending it would end both. */
bool store_is_shared(const struct oidc_session *session);

/* Forgets a session; those who wait for its refresh get fail (CPS_LOGIN_EXPIRED when NULL). */
void store_remove(struct store *store, struct oidc_session *session, const struct fail *fail);

void store_done(struct store *store);

#endif
