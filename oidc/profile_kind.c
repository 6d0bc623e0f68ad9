/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of profile. Names of hosts have changed before and will again: they are defaults, which
 * a file may override, and not constants.
 */
#include "oidc/profile_read.h"

#define PSC_DISCOVERY      "/.well-known/wallet-openid-configuration"
#define STANDARD_DISCOVERY "/.well-known/openid-configuration"

static const char *const names[] = {
    [PROFILE_PSC] = "psc",
    [PROFILE_PSC_BAS] = "psc-bas",
    [PROFILE_SANDBOX] = "sandbox",
    [PROFILE_LOCAL_IDP] = "local-idp",
    [PROFILE_ESANTE_PROXY] = "esante-proxy",
    NULL,
};

/* Pro Santé Connect has been seen to return any of three levels, whatever was asked. */
#define PSC_RULES                                                                                  \
    .discovery = PSC_DISCOVERY, .scope = "openid scope_all", .acr_values = "eidas1",               \
    .accepted_acr = "eidas1 eidas2 eidas3", .acr_absent = "refuse",                                \
    .claim_national_id = "SubjectNameID"

static const struct profile_defaults defaults[] = {
    [PROFILE_PSC] = {PSC_RULES,
                     .issuer = "https://auth.esw.esante.gouv.fr/auth/realms/esante-wallet",
                     .allowed_hosts = "wallet.esw.esante.gouv.fr"},
    [PROFILE_PSC_BAS] = {PSC_RULES,
                         .issuer = "https://auth.bas.psc.esante.gouv.fr/auth/realms/esante-wallet",
                         .allowed_hosts = "wallet.bas.psc.esante.gouv.fr"},
    [PROFILE_SANDBOX] = {PSC_RULES},
    [PROFILE_LOCAL_IDP] = {.discovery = STANDARD_DISCOVERY,
                           .scope = "openid profile",
                           .acr_values = "",
                           .accepted_acr = "",
                           .acr_absent = "accept"},
    [PROFILE_ESANTE_PROXY] = {.discovery = "/",
                              .scope = "",
                              .acr_values = "",
                              .accepted_acr = "",
                              .acr_absent = "accept"},
};

/* What the server does for us. */
static const char *const not_of_proxies[] = {
    "discovery",   "scope",         "acr_values",     "accepted_acr",  "acr_absent",
    "require_iss", "par",           "browser",        "ciba",          "idp_hint",
    "leeway_s",    "redirect_host", "redirect_ports", "redirect_path", "metadata_age_s",
};

const char *profile_kind_name(enum profile_kind kind)
{
    return names[kind];
}

const struct profile_defaults *profile_defaults(enum profile_kind kind)
{
    return &defaults[kind];
}

cps_error profile_read_kind(struct profile *profile, struct fail *fail)
{
    int kind = profile_one_of(profile_text(profile, "kind", names[PROFILE_PSC]), names);

    if (kind < 0)
        return profile_wrong(profile, fail, "kind",
                             "must be psc, psc-bas, sandbox, local-idp or esante-proxy");
    profile->kind = (enum profile_kind)kind;
    profile->psc = profile->kind <= PROFILE_SANDBOX;
    for (size_t i = 0; i < sizeof not_of_proxies / sizeof not_of_proxies[0]; i++)
        if (profile->kind == PROFILE_ESANTE_PROXY &&
            profile_text(profile, not_of_proxies[i], NULL) != NULL)
            return profile_wrong(profile, fail, not_of_proxies[i], "has no use with esante-proxy");
    return CPS_OK;
}
