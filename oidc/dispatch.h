/* SPDX-License-Identifier: Apache-2.0 */
/* The operations of cps-oidcd in base/proto.h. */
#ifndef OIDC_DISPATCH_H
#define OIDC_DISPATCH_H

#include "base/worker.h"
#include "oidc/request.h"

/* Answers one request, now or later. */
void dispatch(struct oidcd *oidcd, struct worker_request *packet);

#endif
