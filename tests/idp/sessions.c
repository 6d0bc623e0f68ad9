/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tests/idp/idp.h"

int64_t idp_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec;
}

struct idp_session *idp_session_start(struct idp *idp, const char *subject)
{
    struct idp_session *session = &idp->sessions[idp->n_sessions++ % IDP_SESSIONS_MAX];

    *session = (struct idp_session){.auth_time = idp_now()};
    session->used_at = session->auth_time;
    snprintf(session->subject, sizeof session->subject, "%s", subject);
    return session;
}

struct idp_session *idp_session_next(struct idp *idp, const char *refresh_token)
{
    unsigned number = 0, turn = 0;
    int known = sscanf(refresh_token, "rt.%u.%u", &number, &turn);
    struct idp_session *session;

    if (known < 1 || number >= IDP_SESSIONS_MAX)
        return NULL;
    session = &idp->sessions[number];
    if (known == 1) /* "rt.0.any" */
        return session;
    if (turn != session->turn || idp_now() - session->used_at > IDP_REFRESH_S)
        return NULL;
    session->turn++;
    session->used_at = idp_now();
    return session;
}
