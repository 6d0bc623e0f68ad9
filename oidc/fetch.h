/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Public data for the agent, which has no network: revocation lists, OCSP answers, bundles of
 * authorities. What comes is proved by its own signature: http is as good as https here, and no
 * credential is ever sent.
 */
#ifndef OIDC_FETCH_H
#define OIDC_FETCH_H

#include <jansson.h>

#include "oidc/request.h"

struct http_loop;

/* The transfers of this file; every request must have been dropped before it is freed. */
struct http_loop *fetch_loop_new(sd_event *event);

/* "fetch" of base/proto.h: the body goes to the request's descriptor. */
void fetch_start(struct request *request, const json_t *params);

#endif
