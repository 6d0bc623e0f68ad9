/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/check_compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define CIBA_GRANT "urn:openid:params:grant-type:ciba"

/* A difference that a busy network explains. */
#define CLOCK_FINE_S 2

void finding_add(json_t *findings, enum finding_level level, const char *code, const char *detail)
{
    static const char *const levels[] = {"ok", "note", "problem"};

    if (json_array_size(findings) < FINDINGS_MAX)
        json_array_append_new(findings, json_pack("{s:s, s:s, s:s*}", "level", levels[level],
                                                  "code", code, "detail", detail));
}

void finding_add_fail(json_t *findings, const char *code, const struct fail *fail)
{
    char why[512];

    fail_describe(fail, why, sizeof why);
    finding_add(findings, FINDING_PROBLEM, code, why);
}

static void note(json_t *findings, const char *code, const char *detail)
{
    finding_add(findings, FINDING_NOTE, code, detail);
}

/* Whether a list of the document has a word; a list that is absent is not known, hence has it. */
static bool lists(const json_t *document, const char *member, const char *word)
{
    const json_t *list = json_get_array(document, member);
    size_t i;
    const json_t *one;

    if (list == NULL)
        return true;
    json_array_foreach (list, i, one)
        if (json_is_string(one) && strcmp(json_string_value(one), word) == 0)
            return true;
    return false;
}

static void compare_client(const struct profile *profile, const json_t *document, json_t *findings)
{
    const char *method = client_auth_name(profile->client_auth);

    if (!lists(document, "token_endpoint_auth_methods_supported", method))
        note(findings, "client_auth_not_listed", method);
    if (profile->client_auth == CLIENT_AUTH_TLS &&
        json_get_object(document, "mtls_endpoint_aliases") == NULL)
        note(findings, "no_mtls_aliases", NULL);
}

static void compare_browser(const struct profile *profile, const json_t *document, json_t *findings)
{
    if (!lists(document, "response_types_supported", "code"))
        finding_add(findings, FINDING_PROBLEM, "no_code_flow", NULL);
    if (json_get_array(document, "code_challenge_methods_supported") == NULL ||
        !lists(document, "code_challenge_methods_supported", "S256"))
        note(findings, "pkce_not_listed", NULL);
    if (profile->require_iss &&
        !json_get_bool(document, "authorization_response_iss_parameter_supported", false))
        note(findings, "iss_not_promised", NULL);
    if (profile->par == PAR_NO &&
        json_get_bool(document, "require_pushed_authorization_requests", false))
        finding_add(findings, FINDING_PROBLEM, "par_required", NULL);
}

static void compare_ciba(const struct profile *profile, const json_t *document, json_t *findings)
{
    if (!lists(document, "grant_types_supported", CIBA_GRANT))
        note(findings, "ciba_not_listed", NULL);
    if (!lists(document, "backchannel_token_delivery_modes_supported", "poll"))
        finding_add(findings, FINDING_PROBLEM, "no_poll", NULL);
    if (!profile->psc && profile->claim_national_id == NULL)
        finding_add(findings, FINDING_PROBLEM, "ciba_without_identifier", NULL);
}

static void compare_scope(const struct profile *profile, const json_t *document, json_t *findings)
{
    char **words = config_words(profile->scope);

    for (char **word = words; words != NULL && *word != NULL; word++)
        if (!lists(document, "scopes_supported", *word))
            note(findings, "scope_not_listed", *word);
    config_list_free(words);
}

void check_compare(const struct profile *profile, const json_t *document, json_t *findings)
{
    if (!lists(document, "id_token_signing_alg_values_supported", "RS256"))
        finding_add(findings, FINDING_PROBLEM, "no_rs256", NULL);
    compare_client(profile, document, findings);
    compare_scope(profile, document, findings);
    if (profile->browser)
        compare_browser(profile, document, findings);
    if (profile->ciba)
        compare_ciba(profile, document, findings);
    if (json_get_string(document, "end_session_endpoint") == NULL)
        note(findings, "no_end_session", NULL);
    if (json_get_string(document, "revocation_endpoint") == NULL)
        note(findings, "no_revocation", NULL);
}

void check_clock(const struct profile *profile, int64_t date_at, json_t *findings)
{
    int64_t skew_s = date_at - clock_real_s();
    char text[32];

    if (date_at == 0) {
        note(findings, "clock_unknown", NULL);
        return;
    }
    snprintf(text, sizeof text, "%+" PRId64 " s", skew_s);
    if (llabs(skew_s) > profile->leeway_s)
        finding_add(findings, FINDING_PROBLEM, "clock_wrong", text);
    else if (llabs(skew_s) > CLOCK_FINE_S)
        note(findings, "clock_differs", text);
    else
        finding_add(findings, FINDING_OK, "clock", text);
}
