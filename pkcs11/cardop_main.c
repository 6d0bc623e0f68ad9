/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cps-cardop: one reader, one card, one thing at a time. PC/SC may make it wait for ever: whoever
 * started it kills it at the deadline.
 */
#include "base/proto.h"
#include "base/util.h"
#include "base/worker.h"
#include "pkcs11/cardop.h"
#include "pkcs11/certificate.h"
#include "pkcs11/pcsc_card.h"

static void serve(struct cardop *cardop, const struct worker_request *request)
{
    struct fail fail = FAIL_INIT;
    json_t *result = NULL;

    if (cardop_handle(cardop, request, &result, &fail) == CPS_OK)
        worker_reply(request->id, result);
    else
        worker_fail(request->id, &fail);
}

int main(void)
{
    struct cardop *cardop;

    worker_init(PROTO_CARDOP, 0);
    certificate_init();
    cardop = cardop_new(pcsc_card_open);
    if (cardop == NULL)
        return EXIT_FAILURE;
    for (;;) {
        AUTO_REQUEST struct worker_request request = WORKER_REQUEST_INIT;

        if (worker_next(&request) > 0)
            serve(cardop, &request);
    }
}
