/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the code flow and CIBA share: from the token answer to the reply. ID token (fetching keys
 * anew once if it names an unknown one), UserInfo, then the session is stored and the request
 * answered.
 */
#ifndef OIDC_LOGIN_H
#define OIDC_LOGIN_H

#include <stdint.h>

#include "oidc/flight.h"
#include "oidc/pkce.h"
#include "oidc/request.h"
#include "oidc/token_endpoint.h"

/* Embedded in a flow, which frees itself when its request is answered. */
struct login {
    struct request *request;
    struct provider *provider;
    char nonce[PKCE_VALUE_SIZE]; /* "": none is sent (CIBA) */
    char *login_hint;            /* CIBA, or NULL */
    char *auth_req_id;           /* CIBA, or NULL */
    int64_t max_age_s;           /* -1: none asked */
    int64_t started_at;          /* CIBA: when the phone was rung */
    struct tokens tokens;
    json_t *claims; /* of the accepted ID token */
    json_t *warnings;
    bool keys_fetched;   /* anew, for this login: not twice */
    bool userinfo_again; /* after a 5xx answer: not twice */
    struct waiter waiter;
    struct http_call *call;
    void (*next)(struct login *login); /* what follows the metadata */
};

void login_init(struct login *login, struct request *request, struct provider *provider);
void login_done(struct login *login);

/* Something that the caller should know of a login that succeeds: one word. */
void login_warn(struct login *login, const char *word);

/*
 * Fetches the provider's metadata unless known, then calls next from the event loop or at once: the
 * last thing that the caller does. Failures are answered here.
 */
void login_prepare(struct login *login, void (*next)(struct login *login));

/* Takes a token answer and brings the request to its end: the last thing that the caller does. */
void login_finish(struct login *login, const struct http_answer *answer);

#endif
