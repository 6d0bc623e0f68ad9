/* SPDX-License-Identifier: Apache-2.0 */
/* What an HTTP answer of a provider means. */
#ifndef OIDC_ANSWER_H
#define OIDC_ANSWER_H

#include <jansson.h>

#include "base/fail.h"
#include "oidc/http.h"

/*
 * The JSON object of a 200 answer. Otherwise:
 *   CPS_PROVIDER_UNAVAILABLE  reason "status": 5xx or 429
 *   CPS_PROVIDER_CLIENT       reason = the OAuth error, or "status": 401, 403 or an error about us
 *   CPS_PROVIDER_ANSWER       reason "redirect", "content_type" (a captive portal), "json", or the
 *                             OAuth error, or "status"
 */
cps_error answer_read(const struct http_answer *answer, json_t **ret_json, struct fail *fail);

#endif
