/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card.report: a cardop of its own asks the card, so that it works for a card that no driver knows,
 * and whatever another cardop does with it.
 */
#include <stdlib.h>

#include "agent/cards.h"
#include "agent/child.h"
#include "agent/methods.h"
#include "base/json.h"
#include "base/proto.h"

/* Some hundred commands, of which a real card answers ten or so a second at worst. */
#define REPORT_TIMEOUT_MS 60000

struct reporting {
    struct request *request;
    struct child *child;
};

static void reporting_free(struct reporting *reporting)
{
    child_free(reporting->child);
    free(reporting);
}

static void on_report(void *user, json_t *result, const struct fail *fail)
{
    struct reporting *reporting = user;
    struct request *request = reporting->request;

    reporting_free(reporting);
    if (fail != NULL)
        request_fail(request, fail);
    else
        request_reply(request, json_incref(result));
}

/* The request's deadline, or its client, came before the report. */
static void on_cancel(struct request *request, void *user)
{
    (void)request;
    reporting_free(user);
}

/* Cannot happen with a call under way: that fails first, and frees the child. */
static void on_exit_of_cardop(void *user)
{
    (void)user;
}

static const struct child_class report_class = {
    .program = PROTO_CARDOP,
    .in_flight = 1,
    .on_exit = on_exit_of_cardop,
};

static void start(struct agent *agent, struct request *request, const char *reader)
{
    struct reporting *reporting = calloc(1, sizeof *reporting);
    struct fail fail;

    if (reporting == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    reporting->request = request;
    reporting->child = child_start(agent, &report_class, reporting, &fail);
    if (reporting->child == NULL) {
        free(reporting);
        request_fail(request, &fail);
        return;
    }
    request_wait(request, on_cancel, reporting);
    child_call(reporting->child, "report", json_pack("{s:s}", "reader", reader), -1,
               REPORT_TIMEOUT_MS, on_report, NULL, reporting);
}

static void serve(struct agent *agent, struct request *request)
{
    struct fail fail;
    struct card *card = cards_pick(agent->cards, json_get_string(request->params, "reader"), &fail);

    if (card != NULL && card_state(card) != CARD_MUTE) {
        start(agent, request, card_reader(card));
        return;
    }
    request_fail(request, card != NULL ? card_fail(card) : &fail);
}

void method_card_report(struct agent *agent, struct request *request)
{
    if (!cards_settle(agent->cards, request, serve))
        serve(agent, request);
}
