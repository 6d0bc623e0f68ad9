/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strict check of a compact JWS: exactly three parts, one algorithm chosen by the caller and never
 * by the token, a key found by kid and fit for that algorithm, then the claims.
 */
#ifndef CPSCTL_JWS_CHECK_H
#define CPSCTL_JWS_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

/* Longest token, and part of one, that is looked at. */
#define JWS_CHECK_MAX 65536

/* Type and longest life of a login statement (seconds). */
#define JWS_STATEMENT_TYP  "cps-login+jwt"
#define JWS_STATEMENT_LIFE 120

struct jws_rules {
    const char *alg;      /* "ES256" (P-256) or "RS256" (RSA of 2048 bits at least) */
    const char *typ;      /* header typ; "" accepts any or none */
    const char *audience; /* NULL: not checked */
    const char *nonce;    /* NULL: not checked */
    bool untimed;         /* it carries no exp and iat, and needs none */
    int64_t leeway_s;     /* tolerated between the two clocks */
    int64_t now_s;
};

/*
 * Gives the claims of a valid token, owned by the caller. Otherwise STATEMENT_REJECTED with reason
 * "segments", "base64", "header", "crit", "alg", "typ", "kid", "key", "signature", "claims", "exp",
 * "nbf", "iat", "lifetime", "aud" or "nonce"; the first that applies, in that order.
 */
cps_error jws_check(const char *token, size_t len, const json_t *jwks,
                    const struct jws_rules *rules, json_t **ret_claims, struct fail *fail);

#endif
