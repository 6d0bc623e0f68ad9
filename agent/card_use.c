/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/card_use.h"

#include <stdlib.h>

#include "agent/conn.h"
#include "agent/peer.h"
#include "agent/pin_policy.h"
#include "agent/prompter.h"
#include "agent/session.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"

enum step { STEP_CONFIRM, STEP_PIN, STEP_CARD };

struct use {
    struct use *next;
    struct agent *agent;
    struct request *request;
    struct card *card;
    struct card_use_what what;
    json_t *params;
    bool asked_again;
    struct prompt *prompt;
    struct pin_use *pin;
    struct call *call;
};

static struct use *uses;

static void enter(struct use *use, enum step step);

static void use_free(struct use *use)
{
    for (struct use **at = &uses; *at != NULL; at = &(*at)->next)
        if (*at == use) {
            *at = use->next;
            break;
        }
    prompt_cancel(use->prompt);
    call_forget(use->call);
    pin_use_end(use->pin);
    json_decref(use->params);
    free(use);
}

static void fail_use(struct use *use, const struct fail *fail)
{
    struct request *request = use->request;
    struct fail kept = *fail;

    use_free(use);
    request_fail(request, &kept);
}

static void on_cancel(struct request *request, void *user)
{
    (void)request;
    use_free(user);
}

static void on_confirmed(void *user, json_t *result, const struct fail *fail)
{
    struct use *use = user;
    struct fail refused;

    use->prompt = NULL;
    if (fail == NULL && !json_get_bool(result, "confirmed", false)) {
        fail_set(&refused, CPS_PROMPT_CANCELLED, "the user did not agree");
        fail = &refused;
    }
    if (fail != NULL)
        fail_use(use, fail);
    else
        enter(use, use->what.pin ? STEP_PIN : STEP_CARD);
}

static void succeed(struct use *use, const json_t *result)
{
    const char *member = use->what.member;
    struct request *request = use->request;
    json_t *value = member != NULL ? json_object_get(result, member) : NULL;
    struct fail wrong;

    if (member != NULL && !json_is_string(value)) {
        fail_set(&wrong, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_CARDOP);
        fail_use(use, &wrong);
        return;
    }
    json_incref(value);
    use_free(use);
    request_reply(request, member != NULL ? json_pack("{s:o}", member, value) : json_object());
}

/* A card that was reset by somebody else has forgotten the PIN: the user is asked, once. */
static void on_answer(void *user, json_t *result, const struct fail *fail)
{
    struct use *use = user;

    use->call = NULL;
    if (fail == NULL) {
        succeed(use, result);
    } else if (fail->code == CPS_PIN_REQUIRED && use->pin != NULL && !use->asked_again) {
        use->asked_again = true;
        pin_use_again(use->pin);
    } else {
        fail_use(use, fail);
    }
}

static void on_pin(void *user, const struct fail *fail)
{
    struct use *use = user;

    if (fail == NULL) {
        enter(use, STEP_CARD);
        return;
    }
    use->pin = NULL;
    fail_use(use, fail);
}

static const struct pin_use_class pin_class = {.ready = on_pin};

static void ask_pin(struct use *use)
{
    char text[PEER_TEXT_MAX + 1];
    struct pin_need need = {
        .asker = {.purpose = use->what.purpose,
                  .program = peer_text(use->request->conn->program, text, sizeof text)},
        .display = use->request->conn->display,
        .interactive = use->request->interactive && use->what.ask_pin};

    use->pin = pin_need(use->agent, use->card, &need, &pin_class, use);
}

static void ask_user(struct use *use)
{
    char text[PEER_TEXT_MAX + 1];
    json_t *display = use->request->conn->display;

    use->prompt = prompt_ask(
        use->agent, "confirm",
        prompt_text_use(display, peer_text(use->request->conn->program, text, sizeof text),
                        card_holder(use->card)),
        display, -1, on_confirmed, use);
}

/* The transition function. */
static void enter(struct use *use, enum step step)
{
    struct fail fail;

    if (card_state(use->card) != CARD_READY) {
        fail = *card_fail(use->card);
        if (fail.code == CPS_OK)
            fail_set(&fail, CPS_CARD_BUSY, "the card is being read");
        fail_use(use, &fail);
        return;
    }
    switch (step) {
    case STEP_CONFIRM:
        ask_user(use);
        break;
    case STEP_PIN:
        ask_pin(use);
        break;
    case STEP_CARD:
        if (use->what.op == NULL)
            succeed(use, NULL);
        else
            use->call =
                card_call(use->card, use->what.op, json_incref(use->params), -1, on_answer, use);
        break;
    }
}

void card_use(struct agent *agent, struct request *request, struct card *card,
              const struct card_use_what *what, json_t *params)
{
    struct use *use = calloc(1, sizeof *use);
    struct use **end = &uses;
    struct fail fail;

    if (what->confirm && !request->interactive) {
        json_decref(params);
        free(use);
        fail_set(&fail, CPS_INTERACTION_REQUIRED, "the user must confirm");
        request_fail(request, &fail);
        return;
    }
    if (use == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *use = (struct use){
        .agent = agent, .request = request, .card = card, .what = *what, .params = params};
    while (*end != NULL)
        end = &(*end)->next;
    *end = use;
    request_wait(request, on_cancel, use);
    session_touch(agent->session);
    if (what->confirm)
        enter(use, STEP_CONFIRM);
    else
        enter(use, what->pin ? STEP_PIN : STEP_CARD);
}

void card_uses_removed(const struct card *card, const struct fail *fail)
{
    struct use *next;

    for (struct use *use = uses; use != NULL; use = next) {
        next = use->next;
        if (use->card == card)
            fail_use(use, fail);
    }
}
