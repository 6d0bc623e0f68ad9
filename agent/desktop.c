/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/desktop.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cards.h"
#include "agent/login.h"
#include "agent/pin_policy.h"
#include "agent/server.h"
#include "agent/sessions.h"
#include "base/log.h"
#include "base/util.h"

struct desktop {
    struct agent *agent;
    bool known; /* somebody told us */
    bool background;
    bool sleeping;
    bool locked;
    const char *on_lock; /* "close", "lock" or "keep" */
    bool away;           /* the cards are given up, or being given up … */
    bool released;       /* … and that is done */
    void (*ready)(void *user);
    void *user;
};

static const char *state_name(const struct desktop *desktop)
{
    if (desktop->sleeping)
        return "suspended";
    if (desktop->background)
        return "background";
    return desktop->known ? "active" : "unknown";
}

json_t *desktop_json(const struct desktop *desktop)
{
    return json_pack("{s:s, s:b}", "state", state_name(desktop), "locked", desktop->locked);
}

static void publish(const struct desktop *desktop)
{
    log_info("desktop session: %s%s", state_name(desktop), desktop->locked ? ", locked" : "");
    server_publish(desktop->agent->server, EVENT_DESKTOP, desktop_json(desktop));
}

static void tell_ready(struct desktop *desktop)
{
    void (*ready)(void *user) = TAKE_PTR(desktop->ready);

    if (ready != NULL)
        ready(desktop->user);
}

static void on_released(void *user)
{
    struct desktop *desktop = user;

    desktop->released = true;
    tell_ready(desktop);
}

/* A session that a card watches over ends with the watch; others have their own end. */
static void close_card_session(struct session *session, void *user)
{
    const struct desktop *desktop = user;

    if (session_owner_proof(session)->reader != NULL)
        session_input(session, desktop->background ? SESSION_BACKGROUND : SESSION_SUSPENDED);
}

static void leave(struct desktop *desktop)
{
    struct fail why;

    if (desktop_check(desktop, &why) == CPS_OK)
        fail_set(&why, CPS_PCSC_UNAVAILABLE, "the machine is about to sleep");
    desktop->away = true;
    if (desktop->background) /* a phone may still say yes, of somebody who is not there */
        logins_end(desktop->agent->logins, &why);
    sessions_visit(desktop->agent->sessions, close_card_session, desktop);
    cards_release(desktop->agent->cards, &why, on_released, desktop);
}

static void come_back(struct desktop *desktop)
{
    desktop->away = false;
    desktop->released = false;
    cards_resume(desktop->agent->cards);
}

/* Every change of state ends here. */
static void apply(struct desktop *desktop)
{
    bool away = desktop->background || desktop->sleeping;

    publish(desktop);
    if (away && !desktop->away)
        leave(desktop);
    else if (!away && desktop->away)
        come_back(desktop);
    else if (desktop->released)
        tell_ready(desktop);
}

void desktop_set_active(struct desktop *desktop, bool active)
{
    if (desktop->known && desktop->background == !active)
        return;
    desktop->known = true;
    desktop->background = !active;
    apply(desktop);
}

void desktop_set_locked(struct desktop *desktop, bool locked)
{
    struct fail why;

    if (desktop->locked == locked)
        return;
    desktop->locked = locked;
    publish(desktop);
    if (!locked || desktop->away)
        return;
    fail_set(&why, CPS_CANCELLED, "the screen was locked");
    pins_stop_all(desktop->agent, &why);
    cards_reset(desktop->agent->cards);
    if (strcmp(desktop->on_lock, "keep") != 0)
        logins_end(desktop->agent->logins, &why);
    if (strcmp(desktop->on_lock, "close") == 0)
        session_input(desktop->agent->session, SESSION_SCREEN_LOCKED);
    else if (strcmp(desktop->on_lock, "lock") == 0)
        session_input(desktop->agent->session, SESSION_LOCK_SCREEN);
}

void desktop_sleep(struct desktop *desktop, void (*ready)(void *user), void *user)
{
    desktop->ready = ready;
    desktop->user = user;
    desktop->sleeping = true;
    apply(desktop);
}

void desktop_wake(struct desktop *desktop)
{
    if (!desktop->sleeping)
        return;
    desktop->sleeping = false;
    desktop->ready = NULL;
    apply(desktop);
}

cps_error desktop_check(const struct desktop *desktop, struct fail *fail)
{
    if (!desktop->background)
        return CPS_OK;
    return fail_set(fail, CPS_SESSION_BACKGROUND, "another session is at the desk");
}

struct desktop *desktop_new(struct agent *agent)
{
    struct desktop *desktop = calloc(1, sizeof *desktop);

    if (desktop == NULL)
        return NULL;
    desktop->agent = agent;
    desktop->on_lock = config_string(agent->config, "session", "on_lock", "close");
    return desktop;
}

void desktop_free(struct desktop *desktop)
{
    free(desktop);
}
