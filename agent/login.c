/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/login.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/blocks.h"
#include "agent/evidence_events.h"
#include "agent/sessions.h"
#include "agent/trust_watch.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

struct login_waiter {
    TAILQ_ENTRY(login_waiter) entry; /* in the order they came */
    struct login *login;
    struct request *request;
    login_resume resume; /* NULL: it asked for the login; else it only follows one */
};

struct logins {
    struct login *first;
};

struct logins *logins_new(struct agent *agent)
{
    (void)agent;
    return calloc(1, sizeof(struct logins));
}

static void drop_waiter(struct login_waiter *waiter)
{
    TAILQ_REMOVE(&waiter->login->waiters, waiter, entry);
    if (waiter->resume == NULL)
        waiter->login->n_asking--;
    free(waiter);
}

void login_done(struct login *login)
{
    for (struct login **at = &login->agent->logins->first; *at != NULL; at = &(*at)->next)
        if (*at == login) {
            *at = login->next;
            break;
        }
    while (!TAILQ_EMPTY(&login->waiters))
        drop_waiter(TAILQ_FIRST(&login->waiters));
    json_decref(login->progress);
    json_decref(login->display);
    free(login->key);
}

/* What it waited for may have put another session at the desk than the one that it names. */
static void go_on(struct agent *agent, const struct login_waiter *waiter)
{
    struct fail changed;

    if (session_check_epoch(agent->session, waiter->request->params, &changed) == CPS_OK)
        waiter->resume(agent, waiter->request);
    else
        request_fail(waiter->request, &changed);
}

/* Takes the waiters away first: answering one must not abandon the login under our feet. */
static void answer_all(struct login *login, const struct fail *fail)
{
    struct login_waiters waiters = TAILQ_HEAD_INITIALIZER(waiters);
    struct agent *agent = login->agent;

    TAILQ_CONCAT(&waiters, &login->waiters, entry);
    login->abandon(login);
    while (!TAILQ_EMPTY(&waiters)) {
        struct login_waiter *waiter = TAILQ_FIRST(&waiters);

        TAILQ_REMOVE(&waiters, waiter, entry);
        if (waiter->resume != NULL)
            go_on(agent, waiter);
        else if (fail != NULL)
            request_fail(waiter->request, fail);
        else
            request_reply(waiter->request, session_json(agent->session));
        free(waiter);
    }
}

void login_hand_on(struct login *login, login_begins *begin)
{
    struct login_waiters waiters = TAILQ_HEAD_INITIALIZER(waiters);
    struct agent *agent = login->agent;
    enum login_purpose purpose = login->purpose;

    TAILQ_CONCAT(&waiters, &login->waiters, entry);
    login->abandon(login);
    while (!TAILQ_EMPTY(&waiters)) {
        struct login_waiter *waiter = TAILQ_FIRST(&waiters);

        TAILQ_REMOVE(&waiters, waiter, entry);
        if (waiter->resume == NULL)
            begin(agent, waiter->request, purpose);
        else if (!login_follow(agent, waiter->request, waiter->resume))
            go_on(agent, waiter);
        free(waiter);
    }
}

void logins_known(struct agent *agent)
{
    struct login *login = agent->logins->first;

    while (login != NULL) /* from the first again: what begins may change the list */
        login =
            login->on_known != NULL && login->on_known(login) ? agent->logins->first : login->next;
}

const char *const login_events[LOGIN_PURPOSES] = {
    [LOGIN_TO_OPEN] = "login", [LOGIN_TO_UNLOCK] = "unlock", [LOGIN_TO_STEP_UP] = "step_up"};

static void record_end(const struct login *login, enum login_purpose purpose,
                       const struct fail *fail)
{
    evidence_login_ended(login->agent, login_events[purpose], login->method,
                         clock_boot_ms() - login->begun_ms, fail);
}

/* The request is being answered by somebody else: deadline, cancel, or a client that left. */
static void on_cancel(struct request *request, void *user)
{
    struct login_waiter *waiter = user;
    struct login *login = waiter->login;
    struct fail abandoned;

    (void)request;
    drop_waiter(waiter);
    if (login->n_asking > 0)
        return;
    fail_set(&abandoned, CPS_CANCELLED, "nobody waits for it any more");
    record_end(login, login->purpose, &abandoned);
    answer_all(login, NULL); /* only followers are left, if any */
}

static void add_waiter(struct login *login, struct request *request, login_resume resume)
{
    struct login_waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    waiter->login = login;
    waiter->request = request;
    waiter->resume = resume;
    TAILQ_INSERT_TAIL(&login->waiters, waiter, entry);
    if (resume == NULL)
        login->n_asking++;
    request_wait(request, on_cancel, waiter);
}

static int64_t max_age_of(const struct request *request)
{
    return json_get_int(request->params, "max_age", 0);
}

static bool is_same(const struct login *login, enum login_purpose purpose, const char *key,
                    const struct request *request)
{
    return login->purpose == purpose && strcmp(login->key, key) == 0 &&
           login->max_age_s == max_age_of(request) &&
           (purpose == LOGIN_TO_OPEN || login->epoch == session_epoch(login->agent->session));
}

bool login_join(struct agent *agent, enum login_purpose purpose, const char *key,
                struct request *request)
{
    for (struct login *login = agent->logins->first; login != NULL; login = login->next)
        if (is_same(login, purpose, key, request)) {
            if (login->progress != NULL)
                request_progress(request, json_copy(login->progress));
            add_waiter(login, request, NULL);
            return true;
        }
    return false;
}

bool login_admit(const struct agent *agent, struct fail *fail)
{
    unsigned n = 0;

    for (const struct login *login = agent->logins->first; login != NULL; login = login->next)
        n++;
    if (n < LOGINS_MAX)
        return true;
    fail_set(fail, CPS_TOO_MANY_REQUESTS, "%u logins are under way", n);
    return false;
}

void login_begin(struct login *login, struct agent *agent, enum login_purpose purpose,
                 const char *key, struct request *request)
{
    login->agent = agent;
    login->purpose = purpose;
    login->epoch = session_epoch(agent->session);
    login->max_age_s = max_age_of(request);
    login->key = strdup(key);
    login->display = json_incref(request->conn->display);
    snprintf(login->method, sizeof login->method, "%s", json_get_string(request->params, "method"));
    login->begun_ms = clock_boot_ms();
    TAILQ_INIT(&login->waiters);
    login->next = agent->logins->first;
    agent->logins->first = login;
    add_waiter(login, request, NULL);
}

bool login_follow(struct agent *agent, struct request *request, login_resume resume)
{
    const struct login_waiter *waiter;

    for (struct login *login = agent->logins->first; login != NULL; login = login->next)
        TAILQ_FOREACH (waiter, &login->waiters, entry)
            if (waiter->resume == NULL && waiter->request->conn == request->conn) {
                add_waiter(login, request, resume);
                return true;
            }
    return false;
}

void login_progress(struct login *login, json_t *members)
{
    const struct login_waiter *waiter;

    json_decref(login->progress);
    login->progress = members;
    TAILQ_FOREACH (waiter, &login->waiters, entry)
        if (waiter->resume == NULL)
            request_progress(waiter->request, json_copy(members));
}

void login_fail(struct login *login, const struct fail *fail)
{
    struct fail kept = *fail; /* it may live in what abandon() frees */
    char text[512];

    fail_describe(fail, text, sizeof text);
    log_info("login failed: %s", text);
    record_end(login, login->purpose, &kept);
    answer_all(login, &kept);
}

/* What is made of a proof, if not what it was for. On failure it is still the caller's. */
static cps_error use_proof(struct login *login, struct login_proof *proof,
                           enum login_purpose *ret_done, struct fail *fail)
{
    struct agent *agent = login->agent;
    enum sessions_outcome outcome;

    if (blocks_check_person(agent->blocks, proof->holder, fail) != CPS_OK)
        return fail->code;
    if (login->purpose == LOGIN_TO_UNLOCK)
        return sessions_unlock(agent->sessions, login->epoch, proof, fail);
    if (login->purpose == LOGIN_TO_STEP_UP)
        return sessions_step_up(agent->sessions, login->epoch, login->max_age_s, proof, fail);
    if (sessions_login(agent->sessions, proof, &outcome, fail) != CPS_OK)
        return fail->code;
    if (outcome == SESSIONS_UNLOCKED)
        *ret_done = LOGIN_TO_UNLOCK;
    return CPS_OK;
}

void login_succeed(struct login *login, struct login_proof *proof)
{
    struct agent *agent = login->agent;
    enum login_purpose done = login->purpose;
    struct fail fail;

    if (use_proof(login, proof, &done, &fail) != CPS_OK) {
        login_proof_refuse(agent, proof);
        login_fail(login, &fail);
        return;
    }
    record_end(login, done, NULL);
    answer_all(login, NULL);
    trust_review(agent); /* of what changed while it was under way */
}

void logins_end(struct logins *logins, const struct fail *why)
{
    while (logins != NULL && logins->first != NULL)
        login_fail(logins->first, why);
}

void logins_free(struct logins *logins)
{
    free(logins);
}

static void tell_card(struct agent *agent, const struct card *card, const struct fail *fail)
{
    struct login *next;

    for (struct login *login = agent->logins->first; login != NULL; login = next) {
        next = login->next;
        if (login->on_card != NULL)
            login->on_card(login, card, fail);
    }
}

void logins_card_changed(struct agent *agent, const struct card *card)
{
    tell_card(agent, card, NULL);
}

void logins_card_removed(struct agent *agent, const struct card *card, const struct fail *fail)
{
    sessions_card_removed(agent->sessions, card_reader(card));
    tell_card(agent, card, fail);
}
