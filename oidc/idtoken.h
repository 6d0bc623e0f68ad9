/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claims of an ID token whose signature was verified (OpenID Connect Core section 3.1.3.7),
 * checked in a fixed order; each refusal has its own reason.
 */
#ifndef OIDC_IDTOKEN_H
#define OIDC_IDTOKEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

/* A session of the provider lasts four hours at most: so may the age of auth_time. */
#define IDTOKEN_SESSION_S (4 * 3600)

#define IDTOKEN_SUB_MAX 255

struct idtoken_expect {
    const char *issuer;
    const char *client_id;
    const char *nonce;         /* NULL: none was sent, none is checked */
    bool nonce_optional;       /* at a refresh it may be left out */
    const char *auth_req_id;   /* CIBA, or NULL */
    const char *login_hint;    /* CIBA: whom the token must be about (no nonce there), or NULL */
    const char *subject_claim; /* the claim that says it; NULL: SubjectNameID */
    const char *sub;           /* at a refresh: the same as at login, or NULL */
    const char *access_token;  /* for at_hash, or NULL */
    char *const *accepted_acr; /* empty: any */
    bool acr_absent_accepted;
    bool typ_required; /* Keycloak's typ claim: when present it must be "ID" anyway */
    int64_t leeway_s;
    int64_t max_age_s;       /* then auth_time is required; -1: IDTOKEN_SESSION_S, when present */
    int64_t auth_not_before; /* CIBA: when the request was made; 0: any time */
};

/*
 * CPS_OK, or CPS_ID_TOKEN_REJECTED with reason, in this order: "iss", "sub", "aud", "azp", "exp",
 * "iat", "nbf", "nonce", "auth_req_id", "subject", "at_hash", "typ", "acr", "auth_time".
 */
cps_error idtoken_check(const json_t *claims, const struct idtoken_expect *expect,
                        struct fail *fail);

/* auth_time when the token gives one (0 means none), else 0. */
int64_t idtoken_auth_time(const json_t *claims);

/*
 * True when a SubjectNameID is the person of a login hint. The 8 in front of an eleven-digit RPPS
 * may be missing on one side: ret_other_form then tells.
 */
bool idtoken_subject_fits(const char *subject, const char *login_hint, bool *ret_other_form);

#endif
