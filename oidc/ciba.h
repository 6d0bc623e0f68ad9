/* SPDX-License-Identifier: Apache-2.0 */
/* Login by the phone: CIBA in poll mode (OpenID CIBA Core 1.0, with PSC's channel parameter). */
#ifndef OIDC_CIBA_H
#define OIDC_CIBA_H

#include "oidc/request.h"

/* Answers the request "login_ciba" of base/proto.h. */
void ciba_start(struct request *request, struct provider *provider, const json_t *params);

#endif
