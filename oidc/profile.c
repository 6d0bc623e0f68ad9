/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/profile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "oidc/secret_file.h"
#include "oidc/url.h"

#define SECTION "provider"

#define PSC_DISCOVERY      "/.well-known/wallet-openid-configuration"
#define STANDARD_DISCOVERY "/.well-known/openid-configuration"

#define LEEWAY_MAX_S 60

static const struct config_key keys[] = {
    {SECTION, "kind", CONFIG_STRING, 0, 0},
    {SECTION, "issuer", CONFIG_STRING, 0, 0},
    {SECTION, "discovery", CONFIG_STRING, 0, 0},
    {SECTION, "allowed_hosts", CONFIG_STRING, 0, 0},
    {SECTION, "client_id", CONFIG_STRING, 0, 0},
    {SECTION, "client_auth", CONFIG_STRING, 0, 0},
    {SECTION, "client_secret_file", CONFIG_STRING, 0, 0},
    {SECTION, "ca_file", CONFIG_STRING, 0, 0},
    {SECTION, "proxy", CONFIG_STRING, 0, 0},
    {SECTION, "scope", CONFIG_STRING, 0, 0},
    {SECTION, "acr_values", CONFIG_STRING, 0, 0},
    {SECTION, "accepted_acr", CONFIG_STRING, 0, 0},
    {SECTION, "acr_absent", CONFIG_STRING, 0, 0},
    {SECTION, "require_iss", CONFIG_BOOL, 0, 0},
    {SECTION, "browser", CONFIG_BOOL, 0, 0},
    {SECTION, "ciba", CONFIG_BOOL, 0, 0},
    {SECTION, "channel", CONFIG_STRING, 0, 0},
    {SECTION, "idp_hint", CONFIG_STRING, 0, 0},
    {SECTION, "redirect_host", CONFIG_STRING, 0, 0},
    {SECTION, "redirect_ports", CONFIG_STRING, 0, 0},
    {SECTION, "redirect_path", CONFIG_STRING, 0, 0},
    {SECTION, "leeway_s", CONFIG_INT, 0, LEEWAY_MAX_S},
    {SECTION, "metadata_age_s", CONFIG_INT, 1, 86400},
    {NULL, NULL, CONFIG_STRING, 0, 0},
};

static bool made_of(const char *text, size_t max, const char *others)
{
    size_t len = strlen(text);

    return len > 0 && len <= max && strspn(text, others) == len;
}

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS  "0123456789"

bool profile_name_valid(const char *name)
{
    return made_of(name, PROFILE_NAME_MAX, LETTERS DIGITS "-_");
}

static cps_error wrong(struct fail *fail, const char *key, const char *why)
{
    return fail_set(fail, CPS_CONFIGURATION, "[" SECTION "] %s: %s", key, why);
}

/* The index of a value in a NULL-terminated list of words, or -1. */
static int one_of(const char *value, const char *const *words)
{
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(value, words[i]) == 0)
            return i;
    return -1;
}

static const char *text_of(const struct profile *p, const char *key, const char *otherwise)
{
    return config_string(p->config, SECTION, key, otherwise);
}

static cps_error read_endpoints(struct profile *p, struct fail *fail)
{
    static const char *const kinds[] = {"psc", "standard", NULL};
    int kind = one_of(text_of(p, "kind", "psc"), kinds);
    const char *path;
    int n;

    if (kind < 0)
        return wrong(fail, "kind", "must be psc or standard");
    p->psc = kind == 0;
    p->issuer = text_of(p, "issuer", "");
    if (!url_issuer_valid(p->issuer))
        return wrong(fail, "issuer", "must be an https URL without query");
    p->allowed_hosts = config_list(p->config, SECTION, "allowed_hosts");
    if (p->allowed_hosts == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    for (char **host = p->allowed_hosts; *host != NULL; host++)
        if (!url_host_valid(*host))
            return wrong(fail, "allowed_hosts", "must be host or host:port");
    path = text_of(p, "discovery", p->psc ? PSC_DISCOVERY : STANDARD_DISCOVERY);
    n = asprintf(&p->discovery_url, "%s%s", path[0] == '/' ? p->issuer : "", path);
    if (n < 0) {
        p->discovery_url = NULL;
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    }
    if (!url_allowed(p->discovery_url, p->issuer, p->allowed_hosts))
        return wrong(fail, "discovery", "must be a path or an https URL of an allowed host");
    return CPS_OK;
}

static cps_error read_client(struct profile *p, struct fail *fail)
{
    static const char *const methods[] = {"none", "client_secret_basic", "client_secret_post",
                                          NULL};
    const char *file = text_of(p, "client_secret_file", NULL);
    int method = one_of(text_of(p, "client_auth", "none"), methods);

    p->client_id = text_of(p, "client_id", "");
    if (p->client_id[0] == '\0')
        return wrong(fail, "client_id", "is missing");
    if (method < 0)
        return wrong(fail, "client_auth",
                     "must be none, client_secret_basic or client_secret_post");
    p->client_auth = (enum client_auth_method)method;
    if (p->client_auth == CLIENT_AUTH_NONE)
        return file == NULL ? CPS_OK : wrong(fail, "client_secret_file", "client_auth is none");
    if (file == NULL)
        return wrong(fail, "client_secret_file", "is missing");
    return secret_file_read(file, &p->client_secret, fail);
}

static cps_error read_network(struct profile *p, struct fail *fail)
{
    p->ca_file = text_of(p, "ca_file", NULL);
    if (p->ca_file != NULL && (p->ca_file[0] != '/' || access(p->ca_file, R_OK) != 0))
        return wrong(fail, "ca_file", "must be the absolute path of a readable file");
    p->proxy = text_of(p, "proxy", "");
    if (p->proxy[0] != '\0' && !url_proxy_valid(p->proxy))
        return wrong(fail, "proxy", "must be http://host:port or https://host:port");
    p->metadata_age_s = config_int(p->config, SECTION, "metadata_age_s", 3600);
    return CPS_OK;
}

static cps_error read_policy(struct profile *p, struct fail *fail)
{
    static const char *const absent[] = {"refuse", "accept", NULL};
    static const char *const channels[] = {"MOBILE", "CARD", NULL};
    const struct config *config = p->config;
    int accept = one_of(text_of(p, "acr_absent", "refuse"), absent);

    p->scope = text_of(p, "scope", "openid scope_all");
    p->acr_values = text_of(p, "acr_values", "eidas1");
    p->accepted_acr = config_list(config, SECTION, "accepted_acr");
    p->require_iss = config_bool(config, SECTION, "require_iss", false);
    p->browser = config_bool(config, SECTION, "browser", true);
    p->ciba = config_bool(config, SECTION, "ciba", false);
    p->channel = text_of(p, "channel", channels[0]);
    p->idp_hint = text_of(p, "idp_hint", NULL);
    p->leeway_s = config_int(config, SECTION, "leeway_s", 30);
    if (accept < 0)
        return wrong(fail, "acr_absent", "must be accept or refuse");
    p->acr_absent_accepted = accept == 1;
    if (one_of(p->channel, channels) < 0)
        return wrong(fail, "channel", "must be MOBILE or CARD");
    if (p->idp_hint != NULL && !made_of(p->idp_hint, 64, LETTERS DIGITS "-_."))
        return wrong(fail, "idp_hint", "must be letters, digits, '-', '_' or '.'");
    if (p->accepted_acr == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    return CPS_OK;
}

static cps_error read_ports(struct profile *p, struct fail *fail)
{
    char **list = config_list(p->config, SECTION, "redirect_ports");
    cps_error error = CPS_OK;

    if (list == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    for (char **port = list; error == CPS_OK && *port != NULL; port++) {
        long number = made_of(*port, 5, DIGITS) ? strtol(*port, NULL, 10) : 0;

        if (number < 1024 || number > 65535 || p->n_redirect_ports == PROFILE_PORTS_MAX)
            error = wrong(fail, "redirect_ports", "must be at most 16 ports, 1024 to 65535");
        else
            p->redirect_ports[p->n_redirect_ports++] = (uint16_t)number;
    }
    config_list_free(list);
    return error;
}

static cps_error read_redirect(struct profile *p, struct fail *fail)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", NULL};

    p->redirect_host = text_of(p, "redirect_host", hosts[0]);
    p->redirect_path = text_of(p, "redirect_path", "/psc/callback");
    if (one_of(p->redirect_host, hosts) < 0)
        return wrong(fail, "redirect_host", "must be 127.0.0.1 or localhost");
    if (p->redirect_path[0] != '/' || !made_of(p->redirect_path, 128, LETTERS DIGITS "/-_.~"))
        return wrong(fail, "redirect_path", "must be a plain absolute path");
    return read_ports(p, fail);
}

/* The set that PSC has been seen to return, whatever was asked. */
static cps_error default_acr(struct profile *p, struct fail *fail)
{
    static const char *const usual[] = {"eidas1", "eidas2", "eidas3"};
    char **list;

    if (p->accepted_acr[0] != NULL)
        return CPS_OK;
    list = calloc(sizeof usual / sizeof usual[0] + 1, sizeof *list);
    if (list == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    config_list_free(p->accepted_acr);
    p->accepted_acr = list;
    for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
        list[i] = strdup(usual[i]);
        if (list[i] == NULL)
            return fail_set(fail, CPS_INTERNAL, "out of memory");
    }
    return CPS_OK;
}

cps_error profile_load(const char *path, const char *name, struct profile **ret_profile,
                       struct fail *fail)
{
    static cps_error (*const readers[])(struct profile *, struct fail *) = {
        read_endpoints, read_client, read_network, read_policy, default_acr, read_redirect,
    };
    AUTO_PROFILE struct profile *profile = calloc(1, sizeof *profile);

    if (profile == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    snprintf(profile->name, sizeof profile->name, "%s", name);
    if (config_load(path, keys, false, &profile->config, fail) != CPS_OK)
        return fail->code;
    for (size_t i = 0; i < sizeof readers / sizeof readers[0]; i++)
        if (readers[i](profile, fail) != CPS_OK)
            return fail_add(fail, "%s", path);
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
    config_free(profile->config);
    free(profile);
}
