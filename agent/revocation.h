/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a certificate is revoked, as the policy wants it known:
 *
 *   [trust] revocation = off | crl | ocsp | crl+ocsp     where it is looked up
 *           offline = open | closed                      what to do when it cannot be told
 *
 * Nothing is asked of anybody for a certificate whose chain is not valid.
 */
#ifndef AGENT_REVOCATION_H
#define AGENT_REVOCATION_H

#include <jansson.h>
#include <openssl/x509.h>

#include "agent/agent.h"
#include "agent/request.h"
#include "base/fail.h"

/* Longest that a login waits to know, from the moment it asks. */
#define REVOCATION_BUDGET_MS 3000

struct revocation;
struct revocation_check;

enum revocation_status { REVOCATION_UNKNOWN, REVOCATION_GOOD, REVOCATION_REVOKED };

struct revocation_verdict {
    enum revocation_status status;
    const char *source; /* "crl", "ocsp"; "none" when unknown. Static */
    int64_t as_of_s;    /* what the source says is of that time; 0 when unknown */
    struct fail fail;   /* why it is revoked or unknown */
};

struct revocation *revocation_new(struct agent *agent);
void revocation_free(struct revocation *revocation);

/* A card with a valid certificate is there: what a login will need is fetched meanwhile. */
void revocation_expect(struct revocation *revocation, X509 *certificate);

/* What is known now, without asking anybody. */
void revocation_known(const struct revocation *revocation, X509 *certificate,
                      struct revocation_verdict *ret_verdict);

/*
 * Finds out what can be found out within REVOCATION_BUDGET_MS, then calls done, once, from the
 * event loop. NULL when memory is short. The certificate must outlive the check.
 */
typedef void revocation_done(void *user, const struct revocation_verdict *verdict);
struct revocation_check *revocation_ask(struct revocation *revocation, X509 *certificate,
                                        revocation_done *done, void *user);

/* Gives it up; NULL is fine. */
void revocation_check_free(struct revocation_check *check);

/* The policy applied: CPS_OK, CPS_CERTIFICATE_REVOKED or CPS_REVOCATION_UNKNOWN. */
cps_error revocation_judge(const struct revocation *revocation,
                           const struct revocation_verdict *verdict, struct fail *fail);

/* {source, as_of}: for a proof of login. */
json_t *revocation_proof(const struct revocation_verdict *verdict);

/* "trust.refresh": every list is fetched, then the request is answered. */
void revocation_refresh(struct revocation *revocation, struct request *request);

/* As "status" shows it. */
json_t *revocation_json(const struct revocation *revocation);

#endif
