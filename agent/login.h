/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins under way. Programs that ask for the same login at the same time share one: the user is
 * asked once and all of them get the session. It goes on as long as one of them waits for it.
 */
#ifndef AGENT_LOGIN_H
#define AGENT_LOGIN_H

#include <jansson.h>
#include <sys/queue.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/request.h"
#include "agent/session.h"

/* What a login is for. */
enum login_purpose {
    LOGIN_TO_OPEN,    /* a session of whoever logs in */
    LOGIN_TO_UNLOCK,  /* the session that is at the desk, for its owner */
    LOGIN_TO_STEP_UP, /* a younger proof for the session at the desk, by its owner */
    LOGIN_PURPOSES
};

/* What the evidence log calls the end of one. */
extern const char *const login_events[LOGIN_PURPOSES];

/* The common part, first member of each kind of login. */
struct login {
    struct login *next;
    struct agent *agent;
    char *key; /* what makes two logins the same */
    enum login_purpose purpose;
    int64_t epoch;     /* of the session at the desk when it began */
    int64_t max_age_s; /* of a step-up */
    char method[16];
    int64_t begun_ms; /* boot time */
    TAILQ_HEAD(login_waiters, login_waiter) waiters;
    unsigned n_asking; /* those of them that asked for the login */
    json_t *progress;  /* the last one, told to those who join */
    json_t *display;   /* of the first who asked */
    /* Drops whatever is under way and frees the login. */
    void (*abandon)(struct login *login);
    /* A card has changed or is gone (fail is set then); NULL: no card in this kind of login. */
    void (*on_card)(struct login *login, const struct card *card, const struct fail *fail);
    /* Begins, and is no more, if what it waits for is known (agent/login_early.h); NULL: it has
     * begun. */
    bool (*on_known)(struct login *login);
};

typedef void login_begins(struct agent *agent, struct request *request, enum login_purpose purpose);

/* Logins under way at once: what they ask of oidcd must leave room for everything else. */
#define LOGINS_MAX 16

struct logins;

struct logins *logins_new(struct agent *agent);
void logins_free(struct logins *logins);

/* Those under way come to nothing, for this reason. */
void logins_end(struct logins *logins, const struct fail *why);

/* Starts a card login (login_card.c) or a provider's (login_psc.c) for a request, or joins one. */
login_begins login_by_card, login_by_provider;

/*
 * Keeps a request that depends on the session until the login that the same connection has under
 * way is over, well or not; resume then serves it, unless it insists on another session than the
 * one that is at the desk by then (SESSION_CHANGED). False: no such login, serve it now.
 */
typedef void (*login_resume)(struct agent *agent, struct request *request);
bool login_follow(struct agent *agent, struct request *request, login_resume resume);

/*
 * For the kinds: adds the request to the login of that purpose and key, which names the means and
 * the person. False: there is none.
 */
bool login_join(struct agent *agent, enum login_purpose purpose, const char *key,
                struct request *request);

/* For the kinds: false and fail when as many logins as can be served are under way. */
bool login_admit(const struct agent *agent, struct fail *fail);

/* For the kinds: registers a new login with its first waiter; key is copied. */
void login_begin(struct login *login, struct agent *agent, enum login_purpose purpose,
                 const char *key, struct request *request);

/* For the kinds: tells all who wait; members is stolen. */
void login_progress(struct login *login, json_t *members);

/* For the kinds: the end. Answers all who wait and abandons the login. A blocked person gets no
 * session however the login went, nor does anybody but its owner unlock one. */
void login_fail(struct login *login, const struct fail *fail);
void login_succeed(struct login *login, struct login_proof *proof);

/* For the kinds: ends a login that was no more than its requests, which begin another, in their
 * order; those that followed them follow it. */
void login_hand_on(struct login *login, login_begins *begin);

/* For the kinds: frees what the common part holds. */
void login_done(struct login *login);

/* Whatever was not known just after the start may be known now. */
void logins_known(struct agent *agent);

/* What becomes of cards. */
void logins_card_changed(struct agent *agent, const struct card *card);
void logins_card_removed(struct agent *agent, const struct card *card, const struct fail *fail);

#endif
