/* SPDX-License-Identifier: Apache-2.0 */
/* The token endpoint's answer (RFC 6749 section 5.1, OpenID Connect Core section 3.1.3.3). */
#ifndef OIDC_TOKEN_ENDPOINT_H
#define OIDC_TOKEN_ENDPOINT_H

#include <stdint.h>

#include "base/fail.h"
#include "base/secret.h"
#include "oidc/http.h"

/* Longest access token: the login's packet also carries an ID token and a UserInfo. */
#define TOKEN_ACCESS_MAX 16384

/* Lifetime taken for an access token whose answer gives none, and the longest believed. */
#define TOKEN_LIFE_S     60
#define TOKEN_LIFE_MAX_S 86400

struct tokens {
    char *access_token;
    int64_t access_token_exp_at;
    char *id_token;               /* or NULL */
    struct secret *refresh_token; /* or NULL; shorter than SECRET_MAX: reads as a string */
};

/* Reads a 200 answer, or says what the other ones mean (oidc/answer.h). */
cps_error tokens_read(const struct http_answer *answer, struct tokens *ret_tokens,
                      struct fail *fail);

void tokens_done(struct tokens *tokens);

#define AUTO_TOKENS __attribute__((cleanup(tokens_done)))

#endif
