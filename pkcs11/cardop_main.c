/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cps-cardop: one reader, one card, one thing at a time. PC/SC may make it wait for ever: whoever
 * started it kills it at the deadline.
 */
#include <stdio.h>
#include <string.h>

#include "base/confine.h"
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
    if (cardop_was_misled(cardop))
        worker_event("misled", NULL);
}

/* Once the first card is known not to need a module, nothing needs to write files. */
static void settle(const struct cardop *cardop, const struct worker_request *request,
                   bool *may_write)
{
    if (!*may_write || strcmp(request->op, "open") != 0)
        return;
    *may_write = false;
    if (!cardop_uses_module(cardop))
        (void)confine_writes(NULL);
}

/* --module: a PKCS#11 module may have to be loaded, which may have to write files. */
int main(int argc, char **argv)
{
    bool may_write = argc == 2 && strcmp(argv[1], "--module") == 0;
    struct cardop *cardop;

    if (argc > 2 || (argc == 2 && !may_write)) {
        fputs("Usage: cps-cardop [--module]; started by cps-agent\n", stderr);
        return 2;
    }
    worker_init(PROTO_CARDOP, may_write ? CONFINE_WRITE : 0);
    certificate_init();
    cardop = cardop_new(pcsc_card_open);
    if (cardop == NULL)
        return EXIT_FAILURE;
    for (;;) {
        AUTO_REQUEST struct worker_request request = WORKER_REQUEST_INIT;

        if (worker_next(&request) <= 0)
            continue;
        serve(cardop, &request);
        settle(cardop, &request, &may_write);
    }
}
