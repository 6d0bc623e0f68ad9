/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/login_early.h"

#include <stdlib.h>

struct early {
    struct login login;
    bool (*is_known)(struct agent *agent);
    login_begins *begin;
};

static struct early *of(struct login *login)
{
    return (struct early *)(void *)login;
}

static void abandon(struct login *login)
{
    login_done(login);
    free(of(login));
}

static bool on_known(struct login *login)
{
    if (!of(login)->is_known(login->agent))
        return false;
    login_hand_on(login, of(login)->begin);
    return true;
}

void login_early(struct agent *agent, struct request *request, enum login_purpose purpose,
                 const char *key, bool (*is_known)(struct agent *agent), login_begins *begin)
{
    struct early *self;
    struct fail fail;

    if (login_join(agent, purpose, key, request))
        return;
    if (!login_admit(agent, &fail)) {
        request_fail(request, &fail);
        return;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    self->login.abandon = abandon;
    self->login.on_known = on_known;
    self->is_known = is_known;
    self->begin = begin;
    login_begin(&self->login, agent, purpose, key, request);
}
