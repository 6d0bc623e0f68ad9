/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/sessions.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/server.h"
#include "base/log.h"
#include "base/util.h"

struct sessions {
    struct agent *agent;
    int64_t last_epoch;
    bool parks;                                  /* [session] borrow = park */
    struct session *parked[SESSIONS_PARKED_MAX]; /* in the order they came */
    unsigned n_parked;
};

int64_t sessions_next_epoch(struct sessions *sessions)
{
    return ++sessions->last_epoch;
}

unsigned sessions_parked(const struct sessions *sessions)
{
    return sessions->n_parked;
}

static json_t *news(const struct agent *agent, const char *change, const char *reason)
{
    return json_pack("{s:s, s:s*, s:o, s:I, s:i}", "change", change, "reason", reason, "session",
                     session_json(agent->session), "epoch",
                     (json_int_t)session_epoch(agent->session), "parked",
                     (int)agent->sessions->n_parked);
}

void sessions_publish(const struct agent *agent, const char *change, const char *reason)
{
    server_publish(agent->server, EVENT_SESSION, news(agent, change, reason));
}

void sessions_publish_ending(const struct agent *agent, const char *reason, int64_t ends_at_s)
{
    json_t *message = news(agent, "ending", reason);

    json_object_set_new(message, "ends_at", json_integer(ends_at_s));
    server_publish(agent->server, EVENT_SESSION, message);
}

static void unpark(struct sessions *sessions, const struct session *session)
{
    unsigned i = 0;

    while (i < sessions->n_parked && sessions->parked[i] != session)
        i++;
    if (i == sessions->n_parked)
        return;
    sessions->n_parked--;
    memmove(&sessions->parked[i], &sessions->parked[i + 1],
            (sessions->n_parked - i) * sizeof sessions->parked[0]);
}

/* There is nobody at the desk: one that was parked is there again, locked. */
static void bring_back(struct sessions *sessions, struct session *session)
{
    struct agent *agent = sessions->agent;

    unpark(sessions, session);
    session_free(agent->session);
    agent->session = session;
    session_input(session, SESSION_RESUME);
}

void sessions_closed(struct sessions *sessions, struct session *session, enum session_input why)
{
    if (session != sessions->agent->session) {
        unpark(sessions, session);
        session_free(session);
        sessions_publish(sessions->agent, "parked_closed", session_reason(why));
        return;
    }
    sessions_publish(sessions->agent, "closed", session_reason(why));
    if (why != SESSION_REPLACED && sessions->n_parked > 0)
        bring_back(sessions, sessions->parked[sessions->n_parked - 1]);
}

/* The desk is free for somebody else. When there is no memory to park, the session ends. */
static void park(struct sessions *sessions)
{
    struct agent *agent = sessions->agent;
    struct session *session = agent->session;
    struct session *nobody = session_new(agent, sessions_next_epoch(sessions));

    if (nobody == NULL) {
        session_input(session, SESSION_REPLACED);
        return;
    }
    if (sessions->n_parked == SESSIONS_PARKED_MAX)
        session_input(sessions->parked[0], SESSION_REPLACED);
    sessions->parked[sessions->n_parked++] = session;
    agent->session = nobody;
    session_input(session, SESSION_PARK);
}

static struct session *parked_of(const struct sessions *sessions, const json_t *holder)
{
    for (unsigned i = 0; i < sessions->n_parked; i++)
        if (session_is_of(sessions->parked[i], holder))
            return sessions->parked[i];
    return NULL;
}

static void unlock(struct session *session, struct login_proof *proof)
{
    (void)session_renew(session, proof);
    session_input(session, SESSION_UNLOCK);
}

/* Whoever is at the desk makes room for the person who has just logged in. */
static void make_room(struct sessions *sessions, const struct login_proof *proof)
{
    struct session *desk = sessions->agent->session;

    if (session_state(desk) == SESSION_NONE)
        return;
    if (sessions->parks && !session_is_of(desk, proof->holder)) {
        park(sessions);
        return;
    }
    session_leave_card(desk, proof->reader);
    session_input(desk, SESSION_REPLACED);
}

/* The session that waits for the person who has just logged in, or NULL. */
static struct session *awaiting(const struct sessions *sessions, const json_t *holder)
{
    struct session *desk = sessions->agent->session;

    if (session_state(desk) == SESSION_LOCKED && session_is_of(desk, holder))
        return desk;
    return parked_of(sessions, holder);
}

cps_error sessions_login(struct sessions *sessions, struct login_proof *proof,
                         enum sessions_outcome *ret_outcome, struct fail *fail)
{
    struct agent *agent = sessions->agent;
    struct session *theirs = awaiting(sessions, proof->holder);

    if (theirs != NULL && session_accepts(theirs, proof, fail) != CPS_OK)
        return fail->code;
    *ret_outcome = theirs != NULL ? SESSIONS_UNLOCKED : SESSIONS_OPENED;
    if (theirs != NULL && theirs != agent->session) {
        unpark(sessions, theirs); /* it must not be the one that making room closes */
        make_room(sessions, proof);
        bring_back(sessions, theirs);
    } else if (theirs == NULL) {
        make_room(sessions, proof);
    }
    if (theirs != NULL)
        unlock(theirs, proof);
    else
        session_open(agent->session, proof);
    return CPS_OK;
}

cps_error sessions_unlock(struct sessions *sessions, int64_t epoch, struct login_proof *proof,
                          struct fail *fail)
{
    struct session *desk = sessions->agent->session;

    if (session_epoch(desk) != epoch)
        return fail_set(fail, CPS_SESSION_CHANGED, "the session at the desk is another one now");
    if (session_accepts(desk, proof, fail) != CPS_OK)
        return fail->code;
    unlock(desk, proof);
    return CPS_OK;
}

cps_error sessions_step_up(struct sessions *sessions, int64_t epoch, int64_t max_age_s,
                           struct login_proof *proof, struct fail *fail)
{
    struct session *desk = sessions->agent->session;

    if (session_epoch(desk) != epoch)
        return fail_set(fail, CPS_SESSION_CHANGED, "the session at the desk is another one now");
    if (session_accepts_step_up(desk, proof, max_age_s, fail) != CPS_OK)
        return fail->code;
    (void)session_renew(desk, proof);
    sessions_publish(sessions->agent, "stepped_up", NULL);
    return CPS_OK;
}

bool sessions_await_owner(const struct sessions *sessions)
{
    return sessions->n_parked > 0 || session_state(sessions->agent->session) == SESSION_LOCKED;
}

/* The parked ones first: closing the one at the desk brings one of them back. */
void sessions_visit(struct sessions *sessions, void (*visit)(struct session *session, void *user),
                    void *user)
{
    struct session *desk = sessions->agent->session;

    for (unsigned i = sessions->n_parked; i > 0; i--)
        visit(sessions->parked[i - 1], user);
    if (session_state(desk) != SESSION_NONE)
        visit(desk, user);
}

static void close_if_watched(struct session *session, void *user)
{
    if (session_watches(session, user))
        session_input(session, SESSION_CARD_REMOVED);
}

void sessions_card_removed(struct sessions *sessions, const char *reader)
{
    AUTO_FREE char *name = strdup(reader);

    sessions_visit(sessions, close_if_watched, name);
}

static void stop(struct session *session, void *user)
{
    (void)user;
    session_input(session, SESSION_STOPPED);
}

void sessions_stop(struct sessions *sessions)
{
    sessions_visit(sessions, stop, NULL);
}

/* Grows from one life of the agent to the next: nobody opens a session a millisecond. */
static int64_t first_epoch(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct sessions *sessions_new(struct agent *agent)
{
    struct sessions *sessions = calloc(1, sizeof *sessions);

    if (sessions == NULL)
        return NULL;
    sessions->agent = agent;
    sessions->last_epoch = first_epoch();
    sessions->parks = strcmp(config_string(agent->config, "session", "borrow", "end"), "park") == 0;
    agent->session = session_new(agent, sessions->last_epoch);
    if (agent->session != NULL)
        return sessions;
    free(sessions);
    return NULL;
}

void sessions_free(struct sessions *sessions)
{
    if (sessions == NULL)
        return;
    sessions_stop(sessions);
    session_free(TAKE_PTR(sessions->agent->session));
    free(sessions);
}
