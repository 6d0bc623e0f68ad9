/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a session is, and which login gives it back to them. */
#include <string.h>

#include "agent/identity.h"
#include "agent/session.h"
#include "base/json.h"

bool session_is_of(const struct session *session, const json_t *holder)
{
    const struct login_proof *own = session_owner_proof(session);
    const char *owner = own != NULL ? identity_subject(own->holder) : NULL;
    const char *other = identity_subject(holder);

    return owner != NULL && other != NULL && strcmp(owner, other) == 0;
}

/* When a provider last said that this person has logged in, by its own clock; 0: it did not. */
static int64_t provider_time(const struct login_proof *proof)
{
    const json_t *part = proof->psc != NULL ? proof->psc : proof->idp;

    return part != NULL ? json_get_int(part, "auth_time", proof->auth_time_s) : 0;
}

/* The time of the login that the session knows, or one from before it was locked. */
static bool is_stale(const struct session *session, const struct login_proof *proof)
{
    bool browser = strcmp(proof->method, "browser") == 0;

    return login_proof_is_reused(proof, session_locked_s(session)) ||
           (browser && proof->auth_time_s == provider_time(session_owner_proof(session)));
}

cps_error session_accepts(const struct session *session, const struct login_proof *proof,
                          struct fail *fail)
{
    if (!session_is_of(session, proof->holder))
        return fail_set(fail, CPS_OTHER_PERSON, "the session is not theirs");
    if (is_stale(session, proof))
        return fail_reason(fail, CPS_LOGIN_REFUSED, "stale",
                           "the provider answered without asking anybody");
    return CPS_OK;
}

cps_error session_accepts_step_up(const struct session *session, const struct login_proof *proof,
                                  int64_t max_age_s, struct fail *fail)
{
    if (session_check(session, fail) != CPS_OK)
        return fail->code;
    if (!session_is_of(session, proof->holder))
        return fail_set(fail, CPS_OTHER_PERSON, "the session is not theirs");
    if (login_proof_is_strong(session_owner_proof(session)) && !login_proof_is_strong(proof))
        return fail_reason(fail, CPS_LOGIN_REFUSED, "weaker",
                           "this login proves less than what is known");
    if (login_proof_is_reused(proof, max_age_s))
        return fail_reason(fail, CPS_LOGIN_REFUSED, "stale", "the provider's login is older");
    return CPS_OK;
}
