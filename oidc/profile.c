/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "oidc/client_key.h"
#include "oidc/profile_read.h"
#include "oidc/url.h"

#define LEEWAY_MAX_S 60

static const struct config_key keys[] = {
    {PROFILE_SECTION, "kind", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "issuer", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "discovery", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "allowed_hosts", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_id", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_auth", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_secret_file", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_secret_credential", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_certificate", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_key", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_key_credential", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_key_id", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_key_module", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_key_pin_file", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "client_key_pin_credential", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "ca_file", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "proxy", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "scope", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "acr_values", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "accepted_acr", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "acr_absent", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "require_iss", CONFIG_BOOL, 0, 0},
    {PROFILE_SECTION, "par", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "browser", CONFIG_BOOL, 0, 0},
    {PROFILE_SECTION, "ciba", CONFIG_BOOL, 0, 0},
    {PROFILE_SECTION, "channel", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "idp_hint", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "claim_national_id", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "claim_given_name", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "claim_family_name", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "redirect_host", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "redirect_ports", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "redirect_path", CONFIG_STRING, 0, 0},
    {PROFILE_SECTION, "leeway_s", CONFIG_INT, 0, LEEWAY_MAX_S},
    {PROFILE_SECTION, "metadata_age_s", CONFIG_INT, 1, 86400},
    {NULL, NULL, CONFIG_STRING, 0, 0},
};

bool profile_made_of(const char *text, size_t max, const char *set)
{
    size_t len = strlen(text);

    return len > 0 && len <= max && strspn(text, set) == len;
}

bool profile_name_valid(const char *name)
{
    return profile_made_of(name, PROFILE_NAME_MAX, PROFILE_LETTERS PROFILE_DIGITS "-_");
}

cps_error profile_wrong_key(const struct profile *profile, struct fail *fail, const char *key)
{
    int line = config_line(profile->config, profile->section, key);

    fail->code = CPS_CONFIGURATION;
    if (line > 0)
        return fail_add(fail, "%s, line %d", profile->path, line);
    return fail_add(fail, "%s", profile->path);
}

cps_error profile_wrong(const struct profile *profile, struct fail *fail, const char *key,
                        const char *why)
{
    fail_set(fail, CPS_CONFIGURATION, "[%s] %s: %s", profile->section, key, why);
    return profile_wrong_key(profile, fail, key);
}

int profile_one_of(const char *value, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(value, words[i]) == 0)
            return i;
    return -1;
}

const char *profile_text(const struct profile *profile, const char *key, const char *otherwise)
{
    return config_string(profile->config, profile->section, key, otherwise);
}

/* The list of a key, or of its default. */
static cps_error read_list(const struct profile *p, const char *key, const char *otherwise,
                           char ***ret_list, struct fail *fail)
{
    *ret_list = config_words(profile_text(p, key, otherwise != NULL ? otherwise : ""));
    return *ret_list != NULL ? CPS_OK : fail_set(fail, CPS_INTERNAL, "out of memory");
}

cps_error profile_read_hosts(struct profile *p, const char *otherwise, struct fail *fail)
{
    if (read_list(p, "allowed_hosts", otherwise, &p->allowed_hosts, fail) != CPS_OK)
        return fail->code;
    for (char **host = p->allowed_hosts; *host != NULL; host++)
        if (!url_host_valid(*host))
            return profile_wrong(p, fail, "allowed_hosts", "must be host or host:port");
    return CPS_OK;
}

static cps_error read_endpoints(struct profile *p, struct fail *fail)
{
    const struct profile_defaults *defaults = profile_defaults(p->kind);
    const char *path = profile_text(p, "discovery", defaults->discovery);
    bool named = profile_text(p, "kind", NULL) != NULL; /* nobody meets PSC by having left it out */
    size_t base;
    int n;

    p->issuer =
        profile_text(p, "issuer", named && defaults->issuer != NULL ? defaults->issuer : "");
    if (!url_issuer_valid(p->issuer))
        return profile_wrong(p, fail, "issuer", "must be an https URL without query");
    if (profile_read_hosts(p, defaults->allowed_hosts, fail) != CPS_OK)
        return fail->code;
    /* OpenID Connect Discovery section 4: without the "/" at the issuer's end. */
    base = path[0] == '/' ? strlen(p->issuer) : 0;
    if (base > 0 && p->issuer[base - 1] == '/')
        base--;
    n = asprintf(&p->discovery_url, "%.*s%s", (int)base, p->issuer, path);
    if (n < 0) {
        p->discovery_url = NULL;
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    }
    if (!url_allowed(p->discovery_url, p->issuer, p->allowed_hosts))
        return profile_wrong(p, fail, "discovery",
                             "must be a path or an https URL of an allowed host");
    return CPS_OK;
}

cps_error profile_read_network(struct profile *p, struct fail *fail)
{
    p->ca_file = profile_text(p, "ca_file", NULL);
    if (p->ca_file != NULL && (p->ca_file[0] != '/' || access(p->ca_file, R_OK) != 0))
        return profile_wrong(p, fail, "ca_file", "must be the absolute path of a readable file");
    p->proxy = profile_text(p, "proxy", "");
    if (p->proxy[0] != '\0' && !url_proxy_valid(p->proxy))
        return profile_wrong(p, fail, "proxy", "must be http://host:port or https://host:port");
    p->metadata_age_s = config_int(p->config, PROFILE_SECTION, "metadata_age_s", 3600);
    return CPS_OK;
}

static cps_error read_acr(struct profile *p, struct fail *fail)
{
    static const char *const absent[] = {"refuse", "accept", NULL};
    const struct profile_defaults *defaults = profile_defaults(p->kind);
    int accept = profile_one_of(profile_text(p, "acr_absent", defaults->acr_absent), absent);

    p->acr_values = profile_text(p, "acr_values", defaults->acr_values);
    if (accept < 0)
        return profile_wrong(p, fail, "acr_absent", "must be accept or refuse");
    p->acr_absent_accepted = accept == 1;
    return read_list(p, "accepted_acr", defaults->accepted_acr, &p->accepted_acr, fail);
}

static cps_error read_flow(struct profile *p, struct fail *fail)
{
    static const char *const channels[] = {"MOBILE", "CARD", NULL};
    static const char *const pars[] = {
        [PAR_AUTO] = "auto", [PAR_YES] = "yes", [PAR_NO] = "no", NULL};
    int par = profile_one_of(profile_text(p, "par", pars[PAR_AUTO]), pars);

    p->scope = profile_text(p, "scope", profile_defaults(p->kind)->scope);
    p->require_iss = config_bool(p->config, PROFILE_SECTION, "require_iss", false);
    p->browser =
        config_bool(p->config, PROFILE_SECTION, "browser", p->kind != PROFILE_ESANTE_PROXY);
    p->ciba = config_bool(p->config, PROFILE_SECTION, "ciba", false);
    p->channel = profile_text(p, "channel", channels[0]);
    p->idp_hint = profile_text(p, "idp_hint", NULL);
    p->leeway_s = config_int(p->config, PROFILE_SECTION, "leeway_s", 30);
    if (par < 0)
        return profile_wrong(p, fail, "par", "must be auto, yes or no");
    p->par = (enum profile_par)par;
    if (profile_one_of(p->channel, channels) < 0)
        return profile_wrong(p, fail, "channel", "must be MOBILE or CARD");
    if (p->idp_hint != NULL &&
        !profile_made_of(p->idp_hint, 64, PROFILE_LETTERS PROFILE_DIGITS "-_."))
        return profile_wrong(p, fail, "idp_hint", "must be letters, digits, '-', '_' or '.'");
    return CPS_OK;
}

/* Where the person is found: claims of the ID token, or of UserInfo when it has none. */
static cps_error read_claims(struct profile *p, struct fail *fail)
{
    const struct {
        const char *key;
        const char *usual;
        const char **ret_claim;
    } claims[] = {
        {"claim_national_id", profile_defaults(p->kind)->claim_national_id, &p->claim_national_id},
        {"claim_given_name", "given_name", &p->claim_given_name},
        {"claim_family_name", "family_name", &p->claim_family_name},
    };

    for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
        const char *own = profile_text(p, claims[i].key, NULL);

        if (own != NULL && p->psc)
            return profile_wrong(p, fail, claims[i].key, "is for kind local-idp");
        if (own != NULL && !profile_made_of(own, 64, PROFILE_LETTERS PROFILE_DIGITS "-_.:/"))
            return profile_wrong(p, fail, claims[i].key, "must be the name of a claim");
        *claims[i].ret_claim = own != NULL ? own : claims[i].usual;
    }
    return CPS_OK;
}

static cps_error read_ports(struct profile *p, struct fail *fail)
{
    char **list = config_list(p->config, PROFILE_SECTION, "redirect_ports");
    cps_error error = CPS_OK;

    if (list == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    for (char **port = list; error == CPS_OK && *port != NULL; port++) {
        long number = profile_made_of(*port, 5, PROFILE_DIGITS) ? strtol(*port, NULL, 10) : 0;

        if (number < 1024 || number > 65535 || p->n_redirect_ports == PROFILE_PORTS_MAX)
            error =
                profile_wrong(p, fail, "redirect_ports", "must be at most 16 ports, 1024 to 65535");
        else
            p->redirect_ports[p->n_redirect_ports++] = (uint16_t)number;
    }
    config_list_free(list);
    return error;
}

static cps_error read_redirect(struct profile *p, struct fail *fail)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", NULL};

    p->redirect_host = profile_text(p, "redirect_host", hosts[0]);
    p->redirect_path = profile_text(p, "redirect_path", "/psc/callback");
    if (profile_one_of(p->redirect_host, hosts) < 0)
        return profile_wrong(p, fail, "redirect_host", "must be 127.0.0.1 or localhost");
    if (p->redirect_path[0] != '/' ||
        !profile_made_of(p->redirect_path, 128, PROFILE_LETTERS PROFILE_DIGITS "/-_.~"))
        return profile_wrong(p, fail, "redirect_path", "must be a plain absolute path");
    return read_ports(p, fail);
}

cps_error profile_load(const char *path, const char *name, struct profile **ret_profile,
                       struct fail *fail)
{
    static cps_error (*const readers[])(struct profile *, struct fail *) = {
        profile_read_kind, read_endpoints, profile_read_client, profile_read_network,
        read_acr,          read_flow,      read_claims,         read_redirect,
    };
    AUTO_PROFILE struct profile *profile = calloc(1, sizeof *profile);

    if (profile == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    profile->section = PROFILE_SECTION;
    snprintf(profile->name, sizeof profile->name, "%s", name);
    if (config_load(path, keys, false, &profile->config, fail) != CPS_OK)
        return fail->code;
    profile->path = path;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        if (readers[i](profile, fail) != CPS_OK)
            return fail->code;
    profile->path = NULL;
    *ret_profile = TAKE_PTR(profile);
    return CPS_OK;
}

void profile_free(struct profile *profile)
{
    if (profile == NULL)
        return;
    free(profile->discovery_url);
    config_list_free(profile->allowed_hosts);
    config_list_free(profile->accepted_acr);
    secret_free(profile->client_secret);
    client_key_free(profile->client_key);
    config_free(profile->config);
    free(profile);
}
