/* SPDX-License-Identifier: Apache-2.0 */
/* One login's question: the list, the responder, or both, within the budget. */
#include <stdlib.h>
#include <string.h>

#include "agent/ocsp_query.h"
#include "agent/revocation_state.h"
#include "agent/trust.h"
#include "agent/trust/crl_table.h"
#include "base/json.h"
#include "base/util.h"

struct revocation_check {
    TAILQ_ENTRY(revocation_check) entry;
    struct revocation *revocation;
    X509 *certificate;
    struct crl_list *list;    /* waited for, or NULL */
    struct ocsp_query *query; /* under way, or NULL */
    struct revocation_verdict ocsp;
    sd_event_source *timer;
    sd_event_source *deferred;
    revocation_done *done;
    void *user;
};

void revocation_check_free(struct revocation_check *check)
{
    if (check == NULL)
        return;
    TAILQ_REMOVE(&check->revocation->checks, check, entry);
    ocsp_query_free(check->query);
    sd_event_source_disable_unref(check->timer);
    sd_event_source_disable_unref(check->deferred);
    X509_free(check->certificate);
    free(check);
}

/* Revoked in either is revoked; the responder, who answers now, comes before the list. */
static void combine(const struct revocation_check *check, struct revocation_verdict *ret_verdict)
{
    struct revocation_verdict crl = {.status = REVOCATION_UNKNOWN};

    if (check->revocation->crl)
        revocation_known(check->revocation, check->certificate, &crl);
    *ret_verdict = check->ocsp;
    if (crl.status == REVOCATION_REVOKED ||
        (check->ocsp.status == REVOCATION_UNKNOWN && check->revocation->crl))
        *ret_verdict = crl;
    if (check->ocsp.status == REVOCATION_REVOKED)
        *ret_verdict = check->ocsp;
}

static void finish(struct revocation_check *check)
{
    struct revocation_verdict verdict;
    revocation_done *done = check->done;
    void *user = check->user;

    combine(check, &verdict);
    revocation_check_free(check);
    done(user, &verdict);
}

static int on_deferred(sd_event_source *source, void *user)
{
    (void)source;
    finish(user);
    return 0;
}

/* Never from within the call that asked. */
static void look(struct revocation_check *check)
{
    bool waits = check->query != NULL || (check->list != NULL && crl_list_busy(check->list));

    if (!waits && check->deferred == NULL &&
        sd_event_add_defer(check->revocation->agent->event, &check->deferred, on_deferred, check) <
            0)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
}

void revocation_checks_wake(struct revocation *revocation)
{
    struct revocation_check *check;

    TAILQ_FOREACH (check, &revocation->checks, entry)
        look(check);
}

void revocation_checks_drop(struct revocation *revocation)
{
    while (!TAILQ_EMPTY(&revocation->checks))
        revocation_check_free(TAILQ_FIRST(&revocation->checks));
}

static int on_budget(sd_event_source *source, uint64_t usec, void *user)
{
    struct revocation_check *check = user;

    (void)source;
    (void)usec;
    if (check->query != NULL)
        fail_reason(&check->ocsp.fail, CPS_REVOCATION_UNKNOWN, "timeout",
                    "the OCSP responder did not answer in time");
    finish(check);
    return 0;
}

static void on_ocsp(void *user, const json_t *answer, const struct fail *fail)
{
    struct revocation_check *check = user;
    const char *status = json_get_string(answer, "status");
    const char *reason = crl_reason_name((int)json_get_int(answer, "reason", -1));

    check->query = NULL;
    if (fail != NULL) {
        check->ocsp.fail = *fail;
        check->ocsp.fail.code = CPS_REVOCATION_UNKNOWN;
    } else if (status != NULL && strcmp(status, "good") == 0) {
        check->ocsp.status = REVOCATION_GOOD;
    } else if (status != NULL && strcmp(status, "revoked") == 0) {
        check->ocsp.status = REVOCATION_REVOKED;
        fail_reason(&check->ocsp.fail, CPS_CERTIFICATE_REVOKED, reason,
                    "%s, says the OCSP responder", reason);
    } else {
        fail_reason(&check->ocsp.fail, CPS_REVOCATION_UNKNOWN, "unknown",
                    "the OCSP responder does not know the certificate");
    }
    if (check->ocsp.status != REVOCATION_UNKNOWN) {
        check->ocsp.source = "ocsp";
        check->ocsp.as_of_s = json_get_int(answer, "this_update_at", 0);
    }
    look(check);
}

static void start(struct revocation_check *check, X509 *issuer)
{
    struct revocation *revocation = check->revocation;

    if (revocation->crl) {
        check->list = revocation_list(revocation, check->certificate, issuer, true);
        if (check->list != NULL)
            crl_list_want(check->list);
    }
    if (revocation->ocsp) {
        check->query =
            ocsp_query_new(revocation->agent, check->certificate, issuer,
                           revocation->list_policy.proxy, on_ocsp, check, &check->ocsp.fail);
        if (check->query == NULL)
            check->ocsp.fail.code = CPS_REVOCATION_UNKNOWN;
    }
}

struct revocation_check *revocation_ask(struct revocation *revocation, X509 *certificate,
                                        revocation_done *done, void *user)
{
    struct revocation_check *check = calloc(1, sizeof *check);
    X509 *issuer = NULL;
    struct fail fail;

    if (check == NULL)
        return NULL;
    *check = (struct revocation_check){
        .revocation = revocation,
        .certificate = certificate,
        .ocsp = {.status = REVOCATION_UNKNOWN, .source = "none", .fail = FAIL_INIT},
        .done = done,
        .user = user};
    fail_reason(&check->ocsp.fail, CPS_REVOCATION_UNKNOWN, "off", "not looked up");
    X509_up_ref(certificate);
    TAILQ_INSERT_TAIL(&revocation->checks, check, entry);
    (void)sd_event_add_time_relative(revocation->agent->event, &check->timer, CLOCK_BOOTTIME,
                                     (uint64_t)REVOCATION_BUDGET_MS * 1000, 1000, on_budget, check);
    if (trust_chain(revocation->agent->trust, certificate, &issuer, &fail) == CPS_OK)
        start(check, issuer);
    X509_free(issuer);
    look(check);
    return check;
}
