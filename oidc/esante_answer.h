/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers of an e-Santé proxy mean. Its bodies may be empty, whatever its API says. */
#ifndef OIDC_ESANTE_ANSWER_H
#define OIDC_ESANTE_ANSWER_H

#include "base/fail.h"
#include "base/secret.h"
#include "oidc/http.h"

#define ESANTE_COOKIE "proxy_session_id"

/* Longest value of the cookie, and of session_state. */
#define ESANTE_COOKIE_MAX 1024
#define ESANTE_STATE_MAX  256

/*
 * A 200 of /connect: the cookie, and session_state in state ("" when there is none). Any other
 * answer is an error: CPS_LOGIN_REFUSED, CPS_PERSON_UNKNOWN, CPS_LOGIN_EXPIRED,
 * CPS_PROVIDER_CLIENT, CPS_PROVIDER_UNAVAILABLE, CPS_PROVIDER_ANSWER. Texts of the proxy name
 * people: they are not passed on.
 */
cps_error esante_read_connect(const struct http_answer *answer, struct secret **ret_cookie,
                              char state[static ESANTE_STATE_MAX + 1], struct fail *fail);

/* True when a 401 of /send says that the session is gone, and not that an API refuses something. */
bool esante_session_gone(const struct http_answer *answer);

#endif
