/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/authresponse.h"

#include <openssl/crypto.h>
#include <string.h>

#include "oidc/buffer.h"
#include "oidc/form.h"
#include "oidc/url.h"

bool authresponse_is_ours(const char *query, const char *state)
{
    AUTO_WIPED char *found = NULL;
    size_t len = strlen(state);

    return form_find(query, "state", len, &found) == 1 && strlen(found) == len &&
           CRYPTO_memcmp(found, state, len) == 0;
}

static cps_error wrong(struct fail *fail, const char *reason, const char *why)
{
    return fail_reason(fail, CPS_AUTHORIZATION_RESPONSE, reason, "%s", why);
}

/* What an error of the provider means for the user (RFC 6749 section 4.1.2.1). */
static cps_error explain(const char *error, struct fail *fail)
{
    static const struct {
        const char *error;
        cps_error code;
    } known[] = {
        {"access_denied", CPS_LOGIN_REFUSED},
        {"temporarily_unavailable", CPS_PROVIDER_UNAVAILABLE},
        {"server_error", CPS_PROVIDER_UNAVAILABLE},
        {"invalid_request", CPS_PROVIDER_CLIENT},
        {"unauthorized_client", CPS_PROVIDER_CLIENT},
        {"unsupported_response_type", CPS_PROVIDER_CLIENT},
        {"invalid_scope", CPS_PROVIDER_CLIENT},
        {"login_required", CPS_AUTHORIZATION_RESPONSE},
        {"interaction_required", CPS_AUTHORIZATION_RESPONSE},
        {"consent_required", CPS_AUTHORIZATION_RESPONSE},
        {"account_selection_required", CPS_AUTHORIZATION_RESPONSE},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(error, known[i].error) == 0)
            return fail_reason(fail, known[i].code, error, "the provider answers %s", error);
    return wrong(fail, "error", "the provider answers an unknown error");
}

cps_error authresponse_read(const char *query, const struct authresponse_expect *expect,
                            char **ret_code, struct fail *fail)
{
    AUTO_WIPED char *iss = NULL;
    AUTO_WIPED char *error = NULL;
    char *code = NULL;
    int has_iss = form_find(query, "iss", URL_MAX, &iss);

    if (has_iss < 0 || (has_iss == 0 && expect->require_iss) ||
        (has_iss == 1 && strcmp(iss, expect->issuer) != 0))
        return wrong(fail, "iss", "the response is not the provider's that was asked");
    if (form_find(query, "error", FAIL_REASON_LEN - 1, &error) != 0)
        return explain(error != NULL ? error : "", fail);
    if (form_find(query, "code", AUTHRESPONSE_CODE_MAX, &code) != 1 || code[0] == '\0') {
        wipe_free(code);
        return wrong(fail, "code", "no code in the response");
    }
    *ret_code = code;
    return CPS_OK;
}
