/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configured providers: profile, health, and the metadata known so far. A file that cannot be
 * used keeps its place with the reason, so that status and doctor can show it.
 */
#ifndef OIDC_PROVIDER_H
#define OIDC_PROVIDER_H

#include "base/fail.h"
#include "oidc/discovery.h"
#include "oidc/flight.h"
#include "oidc/jwks.h"
#include "oidc/profile.h"

#define PROVIDERS_MAX 16

/* Owned by oidc/metadata.c. Times are boot time, 0: never. */
struct metadata {
    struct flight flight; /* discovery document, then key set */
    int64_t asked_ms;
    int64_t fetched_ms;
    int64_t window_ms; /* start of the minute in which key fetches are counted */
    unsigned window_n;
};

enum provider_state { PROVIDER_UNKNOWN, PROVIDER_UP, PROVIDER_DOWN };

struct provider {
    char name[PROFILE_NAME_MAX + 1];
    struct profile *profile; /* NULL: the file is wrong */
    struct fail fail;        /* why it is wrong, or the last failure when it is down */
    enum provider_state state;
    int64_t since_at;
    struct endpoints endpoints; /* empty until the first good discovery document */
    struct jwks *keys;          /* NULL until the first good key set */
    struct metadata metadata;
    struct http *http;
    bool api; /* the authorization server of an API (oidc/api.h): never logs anybody in */
};

struct providers {
    struct provider *list;
    unsigned n;
};

/* Reads every DIR/providers.d/NAME.conf, in the order of their names. A wrong one is logged. */
void providers_load(struct providers *providers, const char *dir, struct http *http);
void providers_done(struct providers *providers);

/* The provider of that name, whether its profile can be used or not; NULL when there is none. */
struct provider *providers_any(const struct providers *providers, const char *name);

/* The provider of that name if its profile is usable. CPS_PROVIDER_UNKNOWN, CPS_CONFIGURATION. */
cps_error providers_find(const struct providers *providers, const char *name,
                         struct provider **ret_provider, struct fail *fail);

/* NAME of a file NAME.conf. False: editors' and packages' left-overs. */
bool provider_file_name(const char *file, char ret_name[static PROFILE_NAME_MAX + 1]);

/* One of the list of the answer to "providers" in base/proto.h. */
json_t *provider_to_json(const struct provider *provider);

/* Notes that the provider answered (fail NULL) or did not. */
void provider_report(struct provider *provider, const struct fail *fail);

/* The answer to "providers" in base/proto.h. */
json_t *providers_to_json(const struct providers *providers);

#endif
