/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token exchange (RFC 8693): the access token of a session at Pro Santé Connect for one that an API
 * takes. The authorization server of the API asks Pro Santé Connect whether the token is good, so
 * it has to be alive: it is refreshed when it is nearly over, and once more when it is refused.
 */
#ifndef OIDC_EXCHANGE_H
#define OIDC_EXCHANGE_H

#include <jansson.h>

#include "oidc/request.h"

/* Answers the request "exchange" of base/proto.h. */
void exchange_start(struct request *request, struct oidc_session *session, const json_t *params);

#endif
