/* SPDX-License-Identifier: Apache-2.0 */
/* Pushed authorization requests (RFC 9126): what the provider answers. */
#ifndef OIDC_PAR_H
#define OIDC_PAR_H

#include "base/fail.h"
#include "oidc/http.h"

#define PAR_URI_MAX 1024

/*
 * The request_uri of an answer, for free(). CPS_PROVIDER_ANSWER with reason "request_uri", or as
 * oidc/answer.h says.
 */
cps_error par_read(const struct http_answer *answer, char **ret_request_uri, struct fail *fail);

#endif
