/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/provider.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "base/worker.h"
#include "oidc/http.h"

#define SUFFIX ".conf"

static const char *const state_names[] = {
    [PROVIDER_UNKNOWN] = "unknown", [PROVIDER_UP] = "up", [PROVIDER_DOWN] = "down"};

/* NAME.conf with a valid NAME; editors' and packages' left-overs are passed over. */
static int is_profile(const struct dirent *entry)
{
    char name[PROFILE_NAME_MAX + 1];

    return provider_file_name(entry->d_name, name);
}

bool provider_file_name(const char *file, char ret_name[static PROFILE_NAME_MAX + 1])
{
    size_t len = strlen(file);
    size_t stem = len > strlen(SUFFIX) ? len - strlen(SUFFIX) : 0;

    if (stem == 0 || stem > PROFILE_NAME_MAX || strcmp(file + stem, SUFFIX) != 0)
        return false;
    memcpy(ret_name, file, stem);
    ret_name[stem] = '\0';
    return profile_name_valid(ret_name);
}

static void load_one(struct provider *provider, const char *dir, const char *file,
                     struct http *http)
{
    AUTO_FREE char *path = NULL;
    char why[512];

    provider->http = http;
    (void)provider_file_name(file, provider->name);
    if (asprintf(&path, "%s/%s", dir, file) < 0) {
        path = NULL;
        fail_set(&provider->fail, CPS_INTERNAL, "out of memory");
    } else {
        profile_load(path, provider->name, &provider->profile, &provider->fail);
    }
    if (provider->profile != NULL)
        return;
    fail_describe(&provider->fail, why, sizeof why);
    log_error("provider %s cannot be used: %s", provider->name, why);
}

void providers_load(struct providers *providers, const char *dir, struct http *http)
{
    AUTO_FREE char *path = NULL;
    struct dirent **files = NULL;
    int n;

    *providers = (struct providers){0};
    providers->list = calloc(PROVIDERS_MAX, sizeof *providers->list);
    if (providers->list == NULL || asprintf(&path, "%s/providers.d", dir) < 0)
        return;
    n = scandir(path, &files, is_profile, alphasort);
    if (n < 0)
        log_info("no provider is configured: %s: %s", path, strerror(errno));
    for (int i = 0; i < n; i++) {
        if (providers->n < PROVIDERS_MAX)
            load_one(&providers->list[providers->n++], path, files[i]->d_name, http);
        else
            log_error("provider file %s ignored: more than %d", files[i]->d_name, PROVIDERS_MAX);
        free(files[i]);
    }
    free(files);
}

void providers_done(struct providers *providers)
{
    for (unsigned i = 0; i < providers->n; i++) {
        struct provider *provider = &providers->list[i];

        http_cancel(&provider->metadata.flight.call);
        endpoints_done(&provider->endpoints);
        jwks_free(provider->keys);
        profile_free(provider->profile);
    }
    free(providers->list);
    *providers = (struct providers){0};
}

struct provider *providers_any(const struct providers *providers, const char *name)
{
    for (unsigned i = 0; name != NULL && i < providers->n; i++)
        if (strcmp(providers->list[i].name, name) == 0)
            return &providers->list[i];
    return NULL;
}

cps_error providers_find(const struct providers *providers, const char *name,
                         struct provider **ret_provider, struct fail *fail)
{
    struct provider *provider = providers_any(providers, name);

    if (provider == NULL)
        return fail_set(fail, CPS_PROVIDER_UNKNOWN, "no such file in providers.d");
    if (provider->profile == NULL) {
        *fail = provider->fail;
        return fail->code;
    }
    *ret_provider = provider;
    return CPS_OK;
}

static json_t *methods_of(const struct profile *profile)
{
    json_t *methods = json_array();

    if (profile != NULL && profile->browser)
        json_array_append_new(methods, json_string("browser"));
    if (profile != NULL && profile->ciba)
        json_array_append_new(methods, json_string("ecps"));
    if (profile != NULL && profile->kind == PROFILE_ESANTE_PROXY)
        json_array_append_new(methods, json_string("proxy"));
    return methods;
}

json_t *provider_to_json(const struct provider *provider)
{
    const struct profile *profile = provider->profile;
    json_t *json = json_pack("{s:s, s:s, s:o, s:s}", "name", provider->name, "issuer",
                             profile != NULL ? profile->issuer : "", "methods", methods_of(profile),
                             "state", state_names[provider->state]);

    if (provider->since_at != 0)
        json_object_set_new(json, "since_at", json_integer(provider->since_at));
    if (provider->fail.code != CPS_OK)
        json_object_set_new(json, "error", fail_to_json(&provider->fail));
    if (provider->api) {
        json_object_del(json, "issuer");
        json_object_del(json, "methods");
    }
    return json;
}

void provider_report(struct provider *provider, const struct fail *fail)
{
    enum provider_state state = fail == NULL ? PROVIDER_UP : PROVIDER_DOWN;
    char why[512] = "answers";

    provider->fail = (struct fail)FAIL_INIT;
    if (fail != NULL) {
        provider->fail = *fail;
        fail_describe(fail, why, sizeof why);
    }
    if (provider->state == state)
        return;
    provider->state = state;
    provider->since_at = clock_real_s();
    log_info("%s %s is %s: %s", provider->api ? "API" : "provider", provider->name,
             state_names[state], why);
    worker_event(provider->api ? "api" : "provider", provider_to_json(provider));
}

json_t *providers_to_json(const struct providers *providers)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < providers->n; i++)
        json_array_append_new(list, provider_to_json(&providers->list[i]));
    return json_pack("{s:o}", "providers", list);
}
