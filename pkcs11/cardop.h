/* SPDX-License-Identifier: Apache-2.0 */
/* The requests that cps-cardop answers (base/proto.h), on one reader and one card. */
#ifndef PKCS11_CARDOP_H
#define PKCS11_CARDOP_H

#include "base/worker.h"
#include "pkcs11/transport.h"

struct cardop;

/* How to reach the card in a reader: PC/SC, or a test's own. */
typedef cps_error (*cardop_connect_fn)(const char *reader, struct transport **ret_transport,
                                       struct fail *fail);

struct cardop *cardop_new(cardop_connect_fn connect);
void cardop_free(struct cardop *cardop);

/* Whether the card is driven by a PKCS#11 module. */
bool cardop_uses_module(const struct cardop *cardop);

/* Does what the request asks. The caller owns the result. */
cps_error cardop_handle(struct cardop *cardop, const struct worker_request *request,
                        json_t **ret_result, struct fail *fail);

/* The card is not the one that it was told to be: what was said of it was wrong. */
bool cardop_was_misled(const struct cardop *cardop);

#endif
