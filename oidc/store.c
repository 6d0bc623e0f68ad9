/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "oidc/http.h"

struct oidc_session *store_add(struct store *store, struct provider *provider, const char *sub,
                               const char *nonce, struct tokens *tokens)
{
    struct oidc_session *session;

    if (store->n >= STORE_MAX || strlen(sub) >= sizeof session->sub)
        return NULL;
    session = calloc(1, sizeof *session);
    if (session == NULL || !pkce_random(session->handle)) {
        free(session);
        return NULL;
    }
    session->provider = provider;
    session->store = store;
    snprintf(session->sub, sizeof session->sub, "%s", sub);
    snprintf(session->nonce, sizeof session->nonce, "%s", nonce);
    session->tokens = *tokens;
    *tokens = (struct tokens){0};
    session->next = store->first;
    store->first = session;
    store->n++;
    return session;
}

struct oidc_session *store_find(const struct store *store, const char *handle)
{
    struct oidc_session *session = store->first;

    while (session != NULL && (handle == NULL || strcmp(session->handle, handle) != 0))
        session = session->next;
    return session;
}

bool store_is_shared(const struct oidc_session *session)
{
    for (const struct oidc_session *s = session->store->first; s != NULL; s = s->next)
        if (s != session && s->provider == session->provider && session->sid[0] != '\0' &&
            strcmp(s->sid, session->sid) == 0)
            return true;
    return false;
}

static void unlink_session(struct store *store, const struct oidc_session *session)
{
    struct oidc_session **link = &store->first;

    while (*link != session)
        link = &(*link)->next;
    *link = session->next;
    store->n--;
}

/* The session is off the list before its waiters are told: they cannot meet it any more. */
void store_remove(struct store *store, struct oidc_session *session, const struct fail *fail)
{
    struct fail closed = FAIL_INIT;

    fail_reason(&closed, CPS_LOGIN_EXPIRED, "closed", "the provider session is closed");
    unlink_session(store, session);
    http_cancel(&session->refresh.call);
    waiter_leave(&session->keys);
    flight_land(&session->refresh, fail != NULL ? fail : &closed);
    tokens_done(&session->tokens);
    tokens_done(&session->fresh);
    secret_free(session->cookie);
    explicit_bzero(session, sizeof *session);
    free(session);
}

void store_done(struct store *store)
{
    while (store->first != NULL)
        store_remove(store, store->first, NULL);
}
