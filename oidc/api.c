/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/api.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/util.h"
#include "oidc/http.h"
#include "oidc/profile_read.h"
#include "oidc/url.h"

#define SECTION "api"

#define DISCOVERY "/.well-known/openid-configuration"

static const struct config_key keys[] = {
    {SECTION, "token_endpoint", CONFIG_STRING, 0, 0},
    {SECTION, "issuer", CONFIG_STRING, 0, 0},
    {SECTION, "discovery", CONFIG_STRING, 0, 0},
    {SECTION, "allowed_hosts", CONFIG_STRING, 0, 0},
    {SECTION, "client_id", CONFIG_STRING, 0, 0},
    {SECTION, "client_auth", CONFIG_STRING, 0, 0},
    {SECTION, "client_secret_file", CONFIG_STRING, 0, 0},
    {SECTION, "client_secret_credential", CONFIG_STRING, 0, 0},
    {SECTION, "client_certificate", CONFIG_STRING, 0, 0},
    {SECTION, "client_key", CONFIG_STRING, 0, 0},
    {SECTION, "client_key_credential", CONFIG_STRING, 0, 0},
    {SECTION, "client_key_id", CONFIG_STRING, 0, 0},
    {SECTION, "client_key_module", CONFIG_STRING, 0, 0},
    {SECTION, "client_key_pin_file", CONFIG_STRING, 0, 0},
    {SECTION, "client_key_pin_credential", CONFIG_STRING, 0, 0},
    {SECTION, "ca_file", CONFIG_STRING, 0, 0},
    {SECTION, "proxy", CONFIG_STRING, 0, 0},
    {SECTION, "provider", CONFIG_STRING, 0, 0},
    {SECTION, "program", CONFIG_STRING, 0, 0},
    {SECTION, "audience", CONFIG_STRING, 0, 0},
    {SECTION, "resource", CONFIG_STRING, 0, 0},
    {SECTION, "scope", CONFIG_STRING, 0, 0},
    {SECTION, "subject_token_type", CONFIG_STRING, 0, 0},
    {SECTION, "requested_token_type", CONFIG_STRING, 0, 0},
    {SECTION, "subject_issuer", CONFIG_STRING, 0, 0},
    {SECTION, "certificate_binding", CONFIG_STRING, 0, 0},
    {0},
};

static const char *const type_words[] = {"access_token", "jwt", NULL};
static const char *const type_urns[] = {API_TYPE_ACCESS_TOKEN, API_TYPE_JWT};

static cps_error read_server(struct api *api, struct profile *p, struct fail *fail)
{
    const char *endpoint = profile_text(p, "token_endpoint", NULL);
    const char *path = profile_text(p, "discovery", DISCOVERY);
    char *url = NULL;

    if (profile_read_hosts(p, "", fail) != CPS_OK)
        return fail->code;
    p->issuer = profile_text(p, "issuer", NULL);
    if ((endpoint == NULL) == (p->issuer == NULL))
        return profile_wrong(p, fail, "token_endpoint", "this, or issuer, and not both");
    if (endpoint != NULL) {
        /* What the administrator wrote is allowed; only a document that is found must be judged. */
        p->issuer = endpoint;
        if (!url_allowed(endpoint, endpoint, p->allowed_hosts))
            return profile_wrong(p, fail, "token_endpoint", "must be an https URL");
        api->token_endpoint = strdup(endpoint);
        return api->token_endpoint != NULL ? CPS_OK : fail_set(fail, CPS_INTERNAL, "no memory");
    }
    if (!url_issuer_valid(p->issuer))
        return profile_wrong(p, fail, "issuer", "must be an https URL without query");
    if (asprintf(&url, "%s%s", path[0] == '/' ? p->issuer : "", path) < 0)
        return fail_set(fail, CPS_INTERNAL, "no memory");
    p->discovery_url = url;
    api->discovery = url;
    if (!url_allowed(url, p->issuer, p->allowed_hosts))
        return profile_wrong(p, fail, "discovery",
                             "must be a path or an https URL of an allowed host");
    return CPS_OK;
}

static cps_error read_type(const struct profile *p, const char *key, const char *otherwise,
                           const char **ret_urn, struct fail *fail)
{
    const char *word = profile_text(p, key, otherwise);
    int at = word != NULL ? profile_one_of(word, type_words) : 0;

    if (at < 0)
        return profile_wrong(p, fail, key, "must be access_token or jwt");
    *ret_urn = word != NULL ? type_urns[at] : NULL;
    return CPS_OK;
}

static cps_error read_words(const struct profile *p, const char *key, size_t max, char ***ret_words,
                            struct fail *fail)
{
    size_t n = 0;

    *ret_words = config_words(profile_text(p, key, ""));
    if (*ret_words == NULL)
        return fail_set(fail, CPS_INTERNAL, "no memory");
    while ((*ret_words)[n] != NULL)
        n++;
    return n <= max ? CPS_OK : profile_wrong(p, fail, key, "too many words");
}

static cps_error read_target(struct api *api, struct profile *p, struct fail *fail)
{
    if (read_words(p, "audience", API_TARGETS_MAX, &api->audiences, fail) != CPS_OK ||
        read_words(p, "resource", API_TARGETS_MAX, &api->resources, fail) != CPS_OK ||
        read_type(p, "subject_token_type", "access_token", &api->subject_type, fail) != CPS_OK ||
        read_type(p, "requested_token_type", NULL, &api->requested_type, fail) != CPS_OK)
        return fail->code;
    for (char **resource = api->resources; *resource != NULL; resource++)
        if (!url_fetch_valid(*resource)) /* RFC 8707: absolute, no fragment */
            return profile_wrong(p, fail, "resource", "must be absolute http or https URLs");
    api->scope = profile_text(p, "scope", NULL);
    api->subject_issuer = profile_text(p, "subject_issuer", NULL);
    api->provider = profile_text(p, "provider", NULL);
    return CPS_OK;
}

/* "any" is for programs that cannot be told, too: it must be meant. */
static cps_error read_programs(struct api *api, struct profile *p, struct fail *fail)
{
    char **program;

    if (read_words(p, "program", API_PROGRAMS_MAX, &api->programs, fail) != CPS_OK)
        return fail->code;
    program = api->programs;
    if (*program != NULL && strcmp(*program, "any") == 0 && program[1] == NULL)
        return CPS_OK;
    for (; *program != NULL; program++)
        if ((*program)[0] != '/')
            return profile_wrong(p, fail, "program", "must be absolute paths, or any");
    return CPS_OK;
}

/* What a certificate proved must not be usable without it. */
static cps_error read_binding(struct api *api, struct profile *p, struct fail *fail)
{
    static const char *const words[] = {"optional", "required", NULL};
    bool has_certificate = p->client_auth == CLIENT_AUTH_TLS;
    int at = profile_one_of(profile_text(p, "certificate_binding", words[has_certificate ? 1 : 0]),
                            words);

    if (at < 0)
        return profile_wrong(p, fail, "certificate_binding", "must be required or optional");
    if (at == 1 && !has_certificate)
        return profile_wrong(p, fail, "certificate_binding", "needs client_auth = tls_client_auth");
    api->bound = at == 1;
    return CPS_OK;
}

static cps_error read_profile(struct api *api, const char *path, struct fail *fail)
{
    struct profile *profile = calloc(1, sizeof *profile);

    api->server.profile = profile;
    if (profile == NULL)
        return fail_set(fail, CPS_INTERNAL, "no memory");
    profile->section = SECTION;
    profile->kind = PROFILE_LOCAL_IDP;
    profile->path = path;
    snprintf(profile->name, sizeof profile->name, "%s", api->server.name);
    if (config_load(path, keys, false, &profile->config, fail) != CPS_OK ||
        read_server(api, profile, fail) != CPS_OK || profile_read_client(profile, fail) != CPS_OK ||
        profile_read_network(profile, fail) != CPS_OK ||
        read_target(api, profile, fail) != CPS_OK || read_programs(api, profile, fail) != CPS_OK ||
        read_binding(api, profile, fail) != CPS_OK)
        return fail->code;
    profile->path = NULL;
    return CPS_OK;
}

static void forget(struct api *api)
{
    free(TAKE_PTR(api->token_endpoint));
    config_list_free(TAKE_PTR(api->audiences));
    config_list_free(TAKE_PTR(api->resources));
    config_list_free(TAKE_PTR(api->programs));
    profile_free(TAKE_PTR(api->server.profile));
}

static void load_one(struct api *api, const char *dir, const char *file, struct http *http)
{
    AUTO_FREE char *path = NULL;
    char why[512];

    api->server.http = http;
    api->server.api = true;
    (void)provider_file_name(file, api->server.name);
    if (asprintf(&path, "%s/%s", dir, file) < 0) {
        path = NULL;
        fail_set(&api->server.fail, CPS_INTERNAL, "no memory");
    } else if (read_profile(api, path, &api->server.fail) == CPS_OK) {
        return;
    }
    forget(api);
    fail_describe(&api->server.fail, why, sizeof why);
    log_error("API %s cannot be used: %s", api->server.name, why);
}

static int is_api(const struct dirent *entry)
{
    char name[PROFILE_NAME_MAX + 1];

    return provider_file_name(entry->d_name, name);
}

void apis_load(struct apis *apis, const char *dir, struct http *http)
{
    AUTO_FREE char *path = NULL;
    struct dirent **files = NULL;
    int n;

    *apis = (struct apis){0};
    apis->list = calloc(APIS_MAX, sizeof *apis->list);
    if (apis->list == NULL || asprintf(&path, "%s/apis.d", dir) < 0) {
        path = NULL;
        return;
    }
    n = scandir(path, &files, is_api, alphasort);
    for (int i = 0; i < n; i++) {
        if (apis->n < APIS_MAX)
            load_one(&apis->list[apis->n++], path, files[i]->d_name, http);
        else
            log_error("API file %s ignored: more than %d", files[i]->d_name, APIS_MAX);
        free(files[i]);
    }
    free(files);
}

void apis_done(struct apis *apis)
{
    for (unsigned i = 0; i < apis->n; i++)
        forget(&apis->list[i]);
    free(apis->list);
    *apis = (struct apis){0};
}

cps_error apis_find(const struct apis *apis, const char *name, struct api **ret_api,
                    struct fail *fail)
{
    for (unsigned i = 0; name != NULL && i < apis->n; i++) {
        struct api *api = &apis->list[i];

        if (strcmp(api->server.name, name) != 0)
            continue;
        if (api->server.profile == NULL) {
            *fail = api->server.fail;
            return fail->code;
        }
        *ret_api = api;
        return CPS_OK;
    }
    return fail_set(fail, CPS_API_UNKNOWN, "no such file in apis.d");
}

json_t *apis_to_json(const struct apis *apis)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < apis->n; i++) {
        const struct api *api = &apis->list[i];
        json_t *one = provider_to_json(&api->server);
        json_t *programs = json_array();

        for (char **program = api->programs; program != NULL && *program != NULL; program++)
            json_array_append_new(programs, json_string(*program));
        json_object_set_new(one, "programs", programs);
        json_array_append_new(list, one);
    }
    return list;
}
