/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/par.h"

#include <string.h>

#include "base/json.h"
#include "base/util.h"
#include "oidc/answer.h"

#define CREATED 201

cps_error par_read(const struct http_answer *answer, char **ret_request_uri, struct fail *fail)
{
    struct http_answer plain = *answer;
    AUTO_JSON json_t *json = NULL;
    const char *uri;
    char *copy;

    if (plain.status == CREATED) /* section 2.2; Keycloak and others agree */
        plain.status = 200;
    if (answer_read(&plain, &json, fail) != CPS_OK)
        return fail->code;
    uri = json_get_string(json, "request_uri");
    if (uri == NULL || uri[0] == '\0' || strlen(uri) > PAR_URI_MAX)
        return fail_reason(fail, CPS_PROVIDER_ANSWER, "request_uri", "no request_uri");
    copy = strdup(uri);
    if (copy == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    *ret_request_uri = copy;
    return CPS_OK;
}
