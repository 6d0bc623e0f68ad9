/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/identity.h"
#include "agent/login.h"
#include "agent/methods.h"
#include "agent/practice.h"
#include "agent/practice_memory.h"
#include "agent/session.h"
#include "agent/state_reply.h"
#include "base/json.h"

static json_t *answer(const struct agent *agent)
{
    const struct login_proof *proof = session_proof(agent->session);
    json_t *state = practice_json(proof->practice);

    json_object_set_new(state, "practice", practice_chosen(proof->practice));
    json_object_set_new(state, "remembered",
                        json_boolean(practice_is_remembered(proof->practice, agent->practice_memory,
                                                            identity_subject(proof->holder))));
    json_object_set_new(state, "epoch", json_integer(session_epoch(agent->session)));
    return state;
}

static cps_error check(const struct agent *agent, const json_t *params, struct fail *fail)
{
    if (session_check_epoch(agent->session, params, fail) != CPS_OK ||
        session_check(agent->session, fail) != CPS_OK)
        return fail->code;
    if (json_object_get(params, "number") != NULL && json_get_bool(params, "forget", false))
        return fail_reason(fail, CPS_INVALID_PARAMS, "forget", "either number or forget");
    return CPS_OK;
}

/* Whoever wants to be forgotten hears of it when the disk has forgotten too. */
static void forget(struct agent *agent, struct request *request)
{
    const char *subject = identity_subject(session_proof(agent->session)->holder);

    if (practice_memory_forget(agent->practice_memory, subject))
        state_reply(agent->store, PRACTICE_MEMORY_FILE, request, answer(agent));
    else
        request_reply(request, answer(agent));
}

static void serve(struct agent *agent, struct request *request)
{
    int64_t number = json_get_int(request->params, "number", 0);
    bool chosen = json_object_get(request->params, "number") != NULL;
    struct fail fail;

    if (check(agent, request->params, &fail) != CPS_OK ||
        (chosen && session_choose_practice(agent->session, number, &fail) != CPS_OK))
        request_fail(request, &fail);
    else if (json_get_bool(request->params, "forget", false))
        forget(agent, request);
    else
        request_reply(request, answer(agent));
}

/* Sent after a login on the same connection, it means the session of that login. */
void method_session_practice(struct agent *agent, struct request *request)
{
    if (!login_follow(agent, request, serve))
        serve(agent, request);
}
