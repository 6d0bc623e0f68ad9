/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/methods_pin.h"

#include <stdlib.h>

#include "agent/cards.h"
#include "agent/evidence_events.h"
#include "agent/pin_policy.h"
#include "agent/session.h"
#include "base/json.h"
#include "base/log.h"

struct pin_request {
    struct agent *agent;
    struct card *card;
    struct request *request;
    enum pin_dialog_kind kind;
    json_t *evidence; /* who asked, and on which card */
};

static void on_progress(void *user, const char *state, int tries_left)
{
    const struct pin_request *self = user;
    json_t *members = json_pack("{s:s}", "state", state);

    if (tries_left >= 0)
        json_object_set_new(members, "tries_left", json_integer(tries_left));
    request_progress(self->request, members);
}

static void on_done(void *user, const struct fail *fail)
{
    struct pin_request *self = user;

    evidence_pin_ended(self->agent, self->evidence, fail);
    if (fail != NULL) {
        request_fail(self->request, fail);
    } else {
        log_info("the PIN of the card in %s was %s", card_reader(self->card),
                 self->kind == PIN_DIALOG_CHANGE ? "changed" : "unblocked");
        request_reply(self->request, json_pack("{s:o, s:I}", "card", card_json(self->card), "epoch",
                                               (json_int_t)session_epoch(self->agent->session)));
    }
    free(self);
}

static void on_cancel(struct request *request, void *user)
{
    struct pin_request *self = user;
    struct fail abandoned;

    (void)request;
    fail_set(&abandoned, CPS_CANCELLED, "nobody waits for it any more");
    evidence_pin_ended(self->agent, self->evidence, &abandoned);
    pin_change_cancel(self->agent, self->card);
    free(self);
}

static cps_error check(const struct card *card, const struct request *request, struct fail *fail)
{
    if (card_state(card) == CARD_READING)
        return fail_set(fail, CPS_CARD_BUSY, "the card is being read");
    if (card_state(card) != CARD_READY) {
        *fail = *card_fail(card);
        return fail->code;
    }
    if (!card_has_pin(card))
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no PIN guards this card");
    if (!request->interactive)
        return fail_set(fail, CPS_INTERACTION_REQUIRED, "the codes must be asked");
    return CPS_OK;
}

static void begin(struct agent *agent, struct request *request, enum pin_dialog_kind kind)
{
    static const struct pin_dialog_class class = {on_progress, on_done};
    struct fail fail;
    struct card *card = cards_pick(agent->cards, json_get_string(request->params, "reader"), &fail);
    struct pin_request *self;

    if (card == NULL || check(card, request, &fail) != CPS_OK) {
        request_fail(request, &fail);
        return;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *self = (struct pin_request){
        .agent = agent,
        .card = card,
        .request = request,
        .kind = kind,
        .evidence = evidence_pin_begun(agent, request->conn, card,
                                       kind == PIN_DIALOG_CHANGE ? "change" : "unblock")};
    if (pin_change_start(agent, card, kind, request->conn->display, &class, self, &fail) !=
        CPS_OK) {
        evidence_pin_ended(agent, self->evidence, &fail);
        free(self);
        request_fail(request, &fail);
        return;
    }
    request_wait(request, on_cancel, self);
}

static void change(struct agent *agent, struct request *request)
{
    begin(agent, request, PIN_DIALOG_CHANGE);
}

static void unblock(struct agent *agent, struct request *request)
{
    begin(agent, request, PIN_DIALOG_UNBLOCK);
}

void method_change_pin(struct agent *agent, struct request *request)
{
    if (!cards_settle(agent->cards, request, change))
        change(agent, request);
}

void method_unblock_pin(struct agent *agent, struct request *request)
{
    if (!cards_settle(agent->cards, request, unblock))
        unblock(agent, request);
}
