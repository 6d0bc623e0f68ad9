/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The revocation list of one distribution point: taken from the cache, fetched, verified by
 * cps-revocation, kept, and fetched again before its time. One of these a point, one fetch at a
 * time; the agent only ever looks things up in what is ready.
 */
#ifndef AGENT_CRL_LIST_H
#define AGENT_CRL_LIST_H

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/agent.h"
#include "agent/trust/crl_table.h"
#include "base/fail.h"

struct crl_list;

struct crl_list_policy {
    const char *proxy; /* or NULL */
    int64_t refresh_s; /* fetched again after so long at most */
    int64_t max_age_s; /* not believed for longer than that after its issue, 0: no such limit */
    void (*changed)(struct agent *agent); /* a flight is over, with a newer list or not */
};

/* Starts with the cache. The policy must outlive it; url and issuer are copied. */
struct crl_list *crl_list_new(struct agent *agent, const struct crl_list_policy *policy,
                              const char *url, X509 *issuer);
void crl_list_free(struct crl_list *list);

bool crl_list_is(const struct crl_list *list, const char *url, const X509 *issuer);

/* True while something about it is being found out. */
bool crl_list_busy(const struct crl_list *list);

/* A card needs it: it is fetched unless it is fresh or was asked for a moment ago. */
void crl_list_want(struct crl_list *list);

/* Fetches it in any case. */
void crl_list_refresh(struct crl_list *list);

/* There is one, within its dates and the policy. */
bool crl_list_fresh(const struct crl_list *list);

/* When it was issued, 0 when there is none. */
int64_t crl_list_issued_s(const struct crl_list *list);

/* Its record of a certificate, or NULL. What a list that has become too old revoked stays so. */
const struct crl_record *crl_list_find(const struct crl_list *list, const X509 *certificate);

/* Why it is not fresh, when it is not. */
const struct fail *crl_list_fail(const struct crl_list *list);

/* As "status" shows it. */
json_t *crl_list_json(const struct crl_list *list);

/*
 * Seconds to wait before the next fetch. failures: in a row; random: 0 to 255, so that a thousand
 * machines do not ask in the same second.
 */
int64_t crl_list_delay_s(int64_t now_s, int64_t fetched_s, int64_t this_update_s,
                         int64_t next_update_s, int64_t refresh_s, unsigned failures,
                         unsigned random);

#endif
