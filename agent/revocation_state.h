/* SPDX-License-Identifier: Apache-2.0 */
/* What revocation.c and revocation_check.c share. Nobody else includes it. */
#ifndef AGENT_REVOCATION_STATE_H
#define AGENT_REVOCATION_STATE_H

#include <stdbool.h>
#include <sys/queue.h>

#include "agent/crl_list.h"
#include "agent/revocation.h"

/* Distribution points of trusted authorities: a handful in reality. */
#define CRL_LISTS_MAX 16

struct revocation_waiter; /* a request for "trust.refresh" */

struct revocation {
    struct agent *agent;
    bool crl;
    bool ocsp;
    bool closed;
    struct crl_list_policy list_policy;
    struct crl_list *lists[CRL_LISTS_MAX];
    unsigned n_lists;
    TAILQ_HEAD(, revocation_check) checks;
    TAILQ_HEAD(, revocation_waiter) waiters;
};

/* The list for a certificate, started when it is not there and start is true; NULL: none. */
struct crl_list *revocation_list(struct revocation *revocation, X509 *certificate, X509 *issuer,
                                 bool start);

/* Checks that wait for a list look again. */
void revocation_checks_wake(struct revocation *revocation);

/* All give up. */
void revocation_checks_drop(struct revocation *revocation);

#endif
