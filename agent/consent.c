/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/consent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/conn.h"
#include "agent/consent_memory.h"
#include "agent/consent_text.h"
#include "agent/evidence_events.h"
#include "agent/identity.h"
#include "agent/keys.h"
#include "agent/prompter.h"
#include "agent/session.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

struct waiter {
    TAILQ_ENTRY(waiter) entry;
    struct question *question;
    struct request *request;
    access_granted granted;
};

TAILQ_HEAD(waiters, waiter);

struct question {
    struct question *next;
    struct agent *agent;
    char *program; /* or NULL: it cannot be told */
    char *origin;  /* or NULL */
    enum policy_kind kind;
    char *audience;
    bool remembered; /* the answer is; else it is asked each time */
    int64_t epoch;   /* of the session that it is asked in */
    struct prompt *prompt;
    struct waiters waiters;
};

struct consents {
    struct agent *agent;
    struct consent_memory *memory;
    enum policy_unknown unknown;
    char *person; /* keyed hash of who was at the desk in that session, or NULL */
    int64_t person_epoch;
    struct question *questions;
};

struct consents *consents_new(struct agent *agent)
{
    struct consents *consents = calloc(1, sizeof *consents);
    const char *word = config_string(agent->config, "policy", "unknown", "ask");

    if (consents == NULL)
        return NULL;
    consents->agent = agent;
    consents->memory = consent_memory_new(agent->options.state_dir, agent->store);
    if (consents->memory == NULL) {
        free(consents);
        return NULL;
    }
    while (strcmp(policy_unknown_names[consents->unknown], word) != 0)
        consents->unknown++; /* settings_check() has seen the word */
    return consents;
}

enum policy_unknown consents_unknown(const struct consents *consents)
{
    return consents->unknown;
}

uint64_t consents_generation(const struct consents *consents)
{
    return consent_memory_generation(consents->memory) + 1;
}

/* Computed once a session. NULL: nobody is at the desk, or nobody who can be told apart. */
static const char *person(struct consents *consents)
{
    const struct login_proof *proof = session_proof(consents->agent->session);
    AUTO_FREE char *text = NULL;
    const char *subject;

    if (proof == NULL)
        return NULL;
    if (consents->person_epoch == session_epoch(consents->agent->session))
        return consents->person;
    free(TAKE_PTR(consents->person));
    subject = identity_subject(proof->holder);
    if (subject != NULL && asprintf(&text, "consent\n%s", subject) >= 0)
        consents->person = keys_pseudonym(consents->agent->keys, text);
    consents->person_epoch = session_epoch(consents->agent->session);
    return consents->person;
}

/* False: who asks, or who would answer, cannot be told, and nothing is remembered of it. */
static bool about_of(struct consents *consents, const char *program, const char *origin,
                     enum policy_kind kind, const char *audience, struct consent_about *ret_about)
{
    AUTO_JSON json_t *text = program != NULL ? json_string(program) : NULL; /* NULL: not UTF-8 */

    *ret_about = (struct consent_about){.person = person(consents),
                                        .program = program,
                                        .origin = origin,
                                        .kind = kind,
                                        .audience = audience};
    return ret_about->person != NULL && text != NULL;
}

enum policy_answer consents_recall(struct consents *consents, const char *program,
                                   const char *origin, enum policy_kind kind, const char *audience)
{
    struct consent_about about;

    if (!about_of(consents, program, origin, kind, audience, &about))
        return POLICY_SILENT;
    return consent_memory_find(consents->memory, &about);
}

static void question_free(struct question *question)
{
    struct consents *consents = question->agent->consents;

    for (struct question **at = &consents->questions; *at != NULL; at = &(*at)->next)
        if (*at == question) {
            *at = question->next;
            break;
        }
    prompt_cancel(question->prompt);
    free(question->program);
    free(question->origin);
    free(question->audience);
    free(question);
}

/* The request is answered by somebody else: deadline, cancel, or a client that left. */
static void on_cancel(struct request *request, void *user)
{
    struct waiter *waiter = user;
    struct question *question = waiter->question;

    (void)request;
    TAILQ_REMOVE(&question->waiters, waiter, entry);
    free(waiter);
    if (TAILQ_EMPTY(&question->waiters))
        question_free(question);
}

static void add_waiter(struct question *question, struct request *request, access_granted granted)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);

    if (waiter == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *waiter = (struct waiter){.question = question, .request = request, .granted = granted};
    TAILQ_INSERT_TAIL(&question->waiters, waiter, entry);
    if (json_object_get(request->params, "deadline_ms") == NULL)
        request->deadline_ms = clock_boot_ms() + CONSENT_DEADLINE_MS;
    request_wait(request, on_cancel, waiter);
}

static void answer(struct request *request, access_granted granted, enum policy_kind kind,
                   const char *audience, bool note, const struct fail *fail)
{
    struct agent *agent = request->conn->agent;
    struct fail refused;

    /* Rules may have been read again while the question was there. */
    if (fail == NULL && access_look_again(request->conn, kind, audience, &refused) != CPS_OK)
        fail = &refused;
    if (fail == NULL) {
        if (note)
            access_note(request->conn, kind);
        granted(agent, request);
        return;
    }
    evidence_refused(agent, request->conn, kind, audience, fail);
    request_fail(request, fail);
}

/* Ends the question, then answers those who waited; fail NULL: what they ask for is allowed. */
static void settle(struct question *question, const struct fail *fail)
{
    struct waiters waiters = TAILQ_HEAD_INITIALIZER(waiters);
    enum policy_kind kind = question->kind;
    bool note = question->remembered && question->program != NULL;
    AUTO_FREE char *audience = TAKE_PTR(question->audience);

    TAILQ_CONCAT(&waiters, &question->waiters, entry);
    question_free(question);
    while (!TAILQ_EMPTY(&waiters)) {
        struct waiter *waiter = TAILQ_FIRST(&waiters);
        struct request *request = waiter->request;
        access_granted granted = waiter->granted;

        TAILQ_REMOVE(&waiters, waiter, entry);
        free(waiter);
        answer(request, granted, kind, audience, note, fail);
    }
}

static void remember(struct question *question, bool allowed)
{
    struct consents *consents = question->agent->consents;
    struct consent_about about;

    evidence_consent(question->agent, TAILQ_FIRST(&question->waiters)->request->conn,
                     question->kind, question->audience, allowed ? "given" : "refused");
    if (question->remembered && about_of(consents, question->program, question->origin,
                                         question->kind, question->audience, &about))
        consent_memory_add(consents->memory, &about, allowed);
}

static void on_answer(void *user, json_t *result, const struct fail *fail)
{
    struct question *question = user;
    const struct session *session = question->agent->session;
    struct fail kept;

    question->prompt = NULL;
    if (fail != NULL) {
        kept = *fail;
    } else if (session_proof(session) == NULL || session_epoch(session) != question->epoch) {
        fail_set(&kept, CPS_SESSION_CHANGED, "the one who was asked is not at the desk any more");
    } else if (json_get_bool(result, "confirmed", false)) {
        remember(question, true);
        settle(question, NULL);
        return;
    } else {
        bool once = !question->remembered || !json_get_bool(result, "refused", false);

        if (!once)
            remember(question, false);
        fail_reason(&kept, CPS_CONSENT_REFUSED, once ? "once" : "remembered",
                    "the user did not agree");
    }
    settle(question, &kept);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Those who need the same remembered answer share a question. */
static struct question *find(const struct consents *consents, const struct question *need)
{
    for (struct question *question = consents->questions; question != NULL;
         question = question->next)
        if (question->remembered && need->remembered && question->kind == need->kind &&
            question->epoch == need->epoch && same_text(question->program, need->program) &&
            same_text(question->origin, need->origin) &&
            same_text(question->audience, need->audience))
            return question;
    return NULL;
}

/* A program that asks for a lot must not bury the user, nor keep the others from asking. */
static bool admits(const struct consents *consents, const struct question *need, struct fail *fail)
{
    unsigned n = 0, of_one = 0;

    for (const struct question *question = consents->questions; question != NULL;
         question = question->next) {
        n++;
        of_one += same_text(question->program, need->program);
    }
    if (n < CONSENT_QUESTIONS_MAX && of_one < CONSENT_QUESTIONS_OF_ONE)
        return true;
    fail_set(fail, CPS_TOO_MANY_REQUESTS, "questions to the user are waiting for their answers");
    return false;
}

static char *copy(const char *text)
{
    char *new = text != NULL ? strdup(text) : NULL;

    if (text != NULL && new == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    return new;
}

static void ask(struct consents *consents, const struct question *need, struct request *request,
                access_granted granted)
{
    const struct login_proof *proof = session_proof(consents->agent->session);
    struct question *question = malloc(sizeof *question);
    struct consent_words words = {.program = need->program,
                                  .origin = need->origin,
                                  .person = json_get_string(proof->holder, "name"),
                                  .kind = need->kind,
                                  .audience = need->audience,
                                  .remembered = need->remembered};

    if (question == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *question = *need;
    question->program = copy(need->program);
    question->origin = copy(need->origin);
    question->audience = copy(need->audience);
    question->next = consents->questions;
    consents->questions = question;
    TAILQ_INIT(&question->waiters);
    add_waiter(question, request, granted);
    question->prompt =
        prompt_ask(consents->agent, "confirm", consent_text(request->conn->display, &words),
                   request->conn->display, -1, on_answer, question);
}

/* In a struct question, all borrowed. */
static struct question need_of(const struct agent *agent, const struct conn *conn,
                               enum policy_kind kind, const char *audience, bool remembered)
{
    return (struct question){.agent = (struct agent *)(uintptr_t)agent,
                             .program = conn->program,
                             .origin = conn->origin,
                             .kind = kind,
                             .audience = (char *)(uintptr_t)audience,
                             .remembered = remembered,
                             .epoch = session_epoch(agent->session)};
}

void consent_need(struct agent *agent, struct request *request, enum policy_kind kind,
                  const char *audience, bool unknown, access_granted granted)
{
    struct consents *consents = agent->consents;
    struct conn *conn = request->conn;
    bool confirm = (access_rule_for(conn, audience)->terms.confirm & 1U << kind) != 0;
    enum policy_answer said = POLICY_SILENT;
    struct question need = need_of(agent, conn, kind, audience, unknown && !confirm);
    struct question *same = find(consents, &need);
    struct fail fail = FAIL_INIT;

    if (unknown)
        said = consents_recall(consents, conn->program, conn->origin, kind, audience);
    if (said == POLICY_YES && !confirm) {
        access_note(conn, kind);
        granted(agent, request);
        return;
    }
    if (said == POLICY_NO)
        fail_reason(&fail, CPS_CONSENT_REFUSED, "remembered", "the user did not agree before");
    else if (!request->interactive)
        fail_set(&fail, CPS_INTERACTION_REQUIRED, "the user must agree to it");
    else if (same != NULL)
        add_waiter(same, request, granted);
    else if (admits(consents, &need, &fail))
        ask(consents, &need, request, granted);
    if (fail.code == CPS_OK)
        return;
    evidence_refused(agent, conn, kind, audience, &fail);
    request_fail(request, &fail);
}

void consents_end(struct consents *consents, int64_t epoch, cps_error code)
{
    struct question *next;
    struct fail fail;

    fail_set(&fail, code, "the one who was asked is not at the desk any more");
    for (struct question *question = consents != NULL ? consents->questions : NULL;
         question != NULL; question = next) {
        next = question->next;
        if (question->epoch == epoch)
            settle(question, &fail);
    }
}

void consents_free(struct consents *consents)
{
    if (consents == NULL)
        return;
    consent_memory_free(consents->memory);
    free(consents->person);
    free(consents);
}

json_t *consents_json(struct consents *consents)
{
    return consent_memory_json(consents->memory, person(consents));
}

unsigned consents_revoke(struct consents *consents, int64_t id, const char *program)
{
    return consent_memory_revoke(consents->memory, id, program);
}
