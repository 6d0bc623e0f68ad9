/* SPDX-License-Identifier: Apache-2.0 */
/* Requests whose caller must know that something is on disk. */
#ifndef AGENT_STATE_REPLY_H
#define AGENT_STATE_REPLY_H

#include <jansson.h>

#include "agent/request.h"
#include "agent/state_store.h"

/*
 * Right after a put: answers the request with result (stolen) when it is on disk, or says why it is
 * not, at the deadline of the request at the latest.
 */
void state_reply(struct state_store *store, const char *name, struct request *request,
                 json_t *result);

#endif
