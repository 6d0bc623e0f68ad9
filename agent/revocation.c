/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/revocation.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/revocation_state.h"
#include "agent/trust.h"
#include "agent/trust/points.h"
#include "agent/trust_watch.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

#define REFRESH_H 12

struct revocation_waiter {
    TAILQ_ENTRY(revocation_waiter) entry;
    struct revocation *revocation;
    struct request *request;
};

/* The words have been checked with the configuration. */
static void read_policy(struct revocation *revocation)
{
    const struct config *config = revocation->agent->config;
    const char *where = config_string(config, "trust", "revocation", "crl");

    revocation->crl = strncmp(where, "crl", 3) == 0;
    revocation->ocsp = strstr(where, "ocsp") != NULL;
    revocation->closed = strcmp(config_string(config, "trust", "offline", "open"), "closed") == 0;
    revocation->list_policy.proxy = config_string(config, "trust", "proxy", NULL);
    revocation->list_policy.refresh_s =
        config_int(config, "trust", "crl_refresh_h", REFRESH_H) * 3600;
    revocation->list_policy.max_age_s = config_int(config, "trust", "crl_max_age_h", 0) * 3600;
}

static void answer_waiters(struct revocation *revocation)
{
    struct revocation_waiter *waiter;

    for (unsigned i = 0; i < revocation->n_lists; i++)
        if (crl_list_busy(revocation->lists[i]))
            return;
    while ((waiter = TAILQ_FIRST(&revocation->waiters)) != NULL) {
        TAILQ_REMOVE(&revocation->waiters, waiter, entry);
        request_reply(waiter->request, revocation_json(revocation));
        free(waiter);
    }
}

static void on_changed(struct agent *agent)
{
    trust_review(agent);
    revocation_checks_wake(agent->revocation);
    answer_waiters(agent->revocation);
}

struct revocation *revocation_new(struct agent *agent)
{
    struct revocation *revocation = calloc(1, sizeof *revocation);

    if (revocation == NULL)
        return NULL;
    revocation->agent = agent;
    revocation->list_policy.changed = on_changed;
    TAILQ_INIT(&revocation->checks);
    TAILQ_INIT(&revocation->waiters);
    read_policy(revocation);
    return revocation;
}

void revocation_free(struct revocation *revocation)
{
    struct revocation_waiter *waiter;
    struct fail fail;

    if (revocation == NULL)
        return;
    fail_set(&fail, CPS_AGENT_UNAVAILABLE, "the agent stops");
    while ((waiter = TAILQ_FIRST(&revocation->waiters)) != NULL) {
        TAILQ_REMOVE(&revocation->waiters, waiter, entry);
        request_fail(waiter->request, &fail);
        free(waiter);
    }
    revocation_checks_drop(revocation);
    for (unsigned i = 0; i < revocation->n_lists; i++)
        crl_list_free(revocation->lists[i]);
    free(revocation);
}

struct crl_list *revocation_list(struct revocation *revocation, X509 *certificate, X509 *issuer,
                                 bool start)
{
    AUTO_FREE char *url = points_crl(certificate);
    struct crl_list *list;

    for (unsigned i = 0; url != NULL && i < revocation->n_lists; i++)
        if (crl_list_is(revocation->lists[i], url, issuer))
            return revocation->lists[i];
    if (url == NULL || !start || revocation->n_lists == CRL_LISTS_MAX)
        return NULL;
    list = crl_list_new(revocation->agent, &revocation->list_policy, url, issuer);
    if (list != NULL)
        revocation->lists[revocation->n_lists++] = list;
    return list;
}

void revocation_expect(struct revocation *revocation, X509 *certificate)
{
    X509 *issuer = NULL;
    struct crl_list *list;
    struct fail fail;

    if (!revocation->crl ||
        trust_chain(revocation->agent->trust, certificate, &issuer, &fail) != CPS_OK)
        return;
    list = revocation_list(revocation, certificate, issuer, true);
    if (list != NULL)
        crl_list_want(list);
    X509_free(issuer);
}

static void set_revoked(struct revocation_verdict *verdict, const struct crl_record *record)
{
    time_t when = (time_t)record->revoked_at_s;
    const char *reason = crl_reason_name(record->reason);
    struct tm day = {0};
    char text[32] = "?";

    if (gmtime_r(&when, &day) != NULL)
        strftime(text, sizeof text, "%Y-%m-%d", &day);
    verdict->status = REVOCATION_REVOKED;
    fail_reason(&verdict->fail, CPS_CERTIFICATE_REVOKED, reason, "since %s (%s), says the list",
                text, reason);
}

static void set_unknown(struct revocation_verdict *verdict, const struct crl_list *list)
{
    const struct fail *why = list != NULL ? crl_list_fail(list) : NULL;

    verdict->source = "none";
    verdict->as_of_s = 0;
    if (list == NULL)
        fail_reason(&verdict->fail, CPS_REVOCATION_UNKNOWN, "no_address",
                    "the certificate names no revocation list");
    else if (why->code != CPS_OK)
        verdict->fail = *why;
    else if (crl_list_busy(list))
        fail_reason(&verdict->fail, CPS_REVOCATION_UNKNOWN, "not_yet",
                    "the revocation list is being fetched");
    else
        fail_reason(&verdict->fail, CPS_REVOCATION_UNKNOWN, "expired",
                    "the revocation list is too old");
    verdict->fail.code = CPS_REVOCATION_UNKNOWN;
}

void revocation_known(const struct revocation *revocation, X509 *certificate,
                      struct revocation_verdict *ret_verdict)
{
    struct revocation_verdict verdict = {.status = REVOCATION_UNKNOWN, .fail = FAIL_INIT};
    const struct crl_list *list = NULL;
    const struct crl_record *record = NULL;
    X509 *issuer = NULL;
    struct fail fail;

    if (trust_chain(revocation->agent->trust, certificate, &issuer, &fail) == CPS_OK)
        list =
            revocation_list((struct revocation *)(uintptr_t)revocation, certificate, issuer, false);
    X509_free(issuer);
    if (list != NULL)
        record = crl_list_find(list, certificate);
    verdict.source = "crl";
    verdict.as_of_s = list != NULL ? crl_list_issued_s(list) : 0;
    if (record != NULL)
        set_revoked(&verdict, record);
    else if (list != NULL && crl_list_fresh(list))
        verdict.status = REVOCATION_GOOD;
    else
        set_unknown(&verdict, list);
    *ret_verdict = verdict;
}

cps_error revocation_judge(const struct revocation *revocation,
                           const struct revocation_verdict *verdict, struct fail *fail)
{
    bool off = !revocation->crl && !revocation->ocsp;

    if (off || verdict->status == REVOCATION_GOOD ||
        (verdict->status == REVOCATION_UNKNOWN && !revocation->closed))
        return CPS_OK;
    *fail = verdict->fail;
    return fail->code;
}

json_t *revocation_proof(const struct revocation_verdict *verdict)
{
    return json_pack("{s:s, s:I}", "source", verdict->source, "as_of",
                     (json_int_t)verdict->as_of_s);
}

static void on_refresh_cancel(struct request *request, void *user)
{
    struct revocation_waiter *waiter = user;

    (void)request;
    TAILQ_REMOVE(&waiter->revocation->waiters, waiter, entry);
    free(waiter);
}

void revocation_refresh(struct revocation *revocation, struct request *request)
{
    struct revocation_waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *waiter = (struct revocation_waiter){.revocation = revocation, .request = request};
    TAILQ_INSERT_TAIL(&revocation->waiters, waiter, entry);
    request_wait(request, on_refresh_cancel, waiter);
    for (unsigned i = 0; i < revocation->n_lists; i++)
        crl_list_refresh(revocation->lists[i]);
    answer_waiters(revocation);
}

json_t *revocation_json(const struct revocation *revocation)
{
    static const char *const policies[2][2] = {{"off", "ocsp"}, {"crl", "crl+ocsp"}};
    json_t *lists = json_array();

    for (unsigned i = 0; i < revocation->n_lists; i++)
        json_array_append_new(lists, crl_list_json(revocation->lists[i]));
    return json_pack("{s:s, s:s, s:o}", "policy", policies[revocation->crl][revocation->ocsp],
                     "offline", revocation->closed ? "closed" : "open", "lists", lists);
}
