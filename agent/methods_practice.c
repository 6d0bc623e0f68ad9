/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity.h"
#include "agent/login.h"
#include "agent/methods.h"
#include "agent/practice.h"
#include "agent/practice_memory.h"
#include "agent/session.h"
#include "base/json.h"

static void reply(const struct agent *agent, struct request *request)
{
    const struct login_proof *proof = session_proof(agent->session);
    json_t *state = practice_json(proof->practice);

    json_object_set_new(state, "practice", practice_chosen(proof->practice));
    json_object_set_new(state, "remembered",
                        json_boolean(practice_is_remembered(proof->practice, agent->practice_memory,
                                                            identity_subject(proof->holder))));
    json_object_set_new(state, "epoch", json_integer(session_epoch(agent->session)));
    request_reply(request, state);
}

static cps_error forget(struct agent *agent, struct fail *fail)
{
    const struct login_proof *proof = session_proof(agent->session);

    return practice_memory_forget(agent->practice_memory, identity_subject(proof->holder), fail);
}

static cps_error act(struct agent *agent, const json_t *params, struct fail *fail)
{
    const json_t *number = json_object_get(params, "number");
    bool to_forget = json_get_bool(params, "forget", false);

    if (session_check_epoch(agent->session, params, fail) != CPS_OK ||
        session_check(agent->session, fail) != CPS_OK)
        return fail->code;
    if (number != NULL && to_forget)
        return fail_reason(fail, CPS_INVALID_PARAMS, "forget", "either number or forget");
    if (to_forget)
        return forget(agent, fail);
    if (number == NULL)
        return CPS_OK;
    return session_choose_practice(agent->session, json_integer_value(number), fail);
}

static void serve(struct agent *agent, struct request *request)
{
    struct fail fail;

    if (act(agent, request->params, &fail) != CPS_OK)
        request_fail(request, &fail);
    else
        reply(agent, request);
}

/* Sent after a login on the same connection, it means the session of that login. */
void method_session_practice(struct agent *agent, struct request *request)
{
    if (!login_follow(agent, request, serve))
        serve(agent, request);
}
