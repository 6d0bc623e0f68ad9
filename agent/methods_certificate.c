/* SPDX-License-Identifier: Apache-2.0 */
/*
 * card.certificate: the certificate that the card shows itself with is in memory; another one is
 * read from the card, while the request waits.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/card.h"
#include "agent/cards.h"
#include "agent/identity.h"
#include "agent/methods.h"
#include "base/json.h"
#include "base/util.h"

struct reading {
    struct request *request;
    struct call *call;
    char *reader;
    const char *usage; /* of the request's parameters */
};

static json_t *certificate_json(const char *reader, const char *usage, X509 *certificate)
{
    AUTO_FREE char *pem = identity_pem(certificate);
    AUTO_FREE char *subject = identity_name_text(X509_get_subject_name(certificate));
    AUTO_FREE char *issuer = identity_name_text(X509_get_issuer_name(certificate));
    AUTO_FREE char *serial = identity_serial(certificate);

    return json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:o, s:s*, s:I, s:I}", "reader", reader,
                     "usage", usage, "certificate", pem, "subject", subject, "issuer", issuer,
                     "serial", serial, "holder", identity_holder(certificate), "type",
                     identity_card_type(certificate), "not_before",
                     (json_int_t)identity_time(X509_get0_notBefore(certificate)), "not_after",
                     (json_int_t)identity_time(X509_get0_notAfter(certificate)));
}

static void reading_free(struct reading *reading)
{
    free(reading->reader);
    free(reading);
}

static void on_cancel(struct request *request, void *user)
{
    struct reading *reading = user;

    (void)request;
    call_forget(reading->call);
    reading_free(reading);
}

static void on_certificate(void *user, json_t *result, const struct fail *fail)
{
    struct reading *reading = user;
    const char *der = json_get_string(result, "der");
    X509 *certificate = identity_parse(der != NULL ? der : "");
    struct fail wrong;

    if (fail == NULL && certificate == NULL) {
        fail_set(&wrong, CPS_CERTIFICATE_INVALID, "the card holds no readable certificate");
        fail = &wrong;
    }
    if (fail != NULL)
        request_fail(reading->request, fail);
    else
        request_reply(reading->request,
                      certificate_json(reading->reader, reading->usage, certificate));
    X509_free(certificate);
    reading_free(reading);
}

static void read_from(struct card *card, const char *usage, struct request *request)
{
    struct reading *reading = calloc(1, sizeof *reading);

    if (reading == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *reading =
        (struct reading){.request = request, .reader = strdup(card_reader(card)), .usage = usage};
    request_wait(request, on_cancel, reading);
    reading->call = card_call(card, "certificate", json_pack("{s:s}", "usage", usage), -1,
                              on_certificate, reading);
}

void method_card_certificate(struct agent *agent, struct request *request)
{
    const char *usage = json_get_string(request->params, "usage");
    struct fail fail = FAIL_INIT;
    struct card *card = cards_pick(agent->cards, json_get_string(request->params, "reader"), &fail);

    if (card != NULL && card_state(card) == CARD_READY) {
        if (usage == NULL || strcmp(usage, card_usage(card)) == 0)
            request_reply(request, certificate_json(card_reader(card), card_usage(card),
                                                    card_certificate(card)));
        else
            read_from(card, usage, request);
        return;
    }
    if (card != NULL && card_state(card) == CARD_READING)
        fail_set(&fail, CPS_CARD_BUSY, "the card is being read");
    else if (card != NULL)
        fail = *card_fail(card);
    request_fail(request, &fail);
}
