/* SPDX-License-Identifier: Apache-2.0 */
/* What a login proved: the result of each kind of login, and what a session vouches for. */
#ifndef AGENT_LOGIN_PROOF_H
#define AGENT_LOGIN_PROOF_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/practice.h"

struct login_proof {
    const char *method; /* "card", "ecps", "browser", "proxy": static */
    json_t *amr;        /* RFC 8176, only what happened */
    char *acr;          /* or NULL */
    int64_t auth_time_s;
    json_t *holder;
    json_t *card;        /* {reader, family, issuer, serial_hash}, or NULL */
    json_t *revocation;  /* {source, as_of} of the card's certificate, or NULL */
    json_t *psc;         /* {provider, issuer, subject_name_id, acr, auth_mode}, or NULL */
    json_t *idp;         /* of any other provider: {provider, issuer, sub, acr, amr}, or NULL */
    const char *reader;  /* its card is in that reader; NULL: no card watches over the session */
    const char *watched; /* a reader whose card closes the session when it leaves, though it has
                            proved nothing; or NULL */
    json_t *tokens;      /* answer of oidcd to the login, or NULL */
    struct practice *practice; /* or NULL: this kind of login knows of no situation */
};

/* Frees what it holds. */
void login_proof_done(struct login_proof *proof);

/* Nothing comes of this login: the provider's session ends, the card forgets the PIN. Frees what
 * the proof holds. */
void login_proof_refuse(struct agent *agent, struct login_proof *proof);

/* The provider's part (psc, idp) says from now on when its own login was: that of the session is
 * about to be another one. */
void login_proof_date_provider(struct login_proof *proof);

/*
 * The provider asked its person longer ago than that, by clocks that may be apart: a browser, or an
 * e-Santé proxy, that is still logged in there answers for whoever sits here. Card and phone ask
 * somebody, each time.
 */
bool login_proof_is_reused(const struct login_proof *proof, int64_t age_s);

/* Two factors were proved: "mfa" is in amr. */
bool login_proof_is_strong(const struct login_proof *proof);

#endif
