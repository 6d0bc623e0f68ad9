/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The APIs that a token of Pro Santé Connect can be exchanged for (RFC 8693): DIR/apis.d/NAME.conf,
 * one [api] section. A file that cannot be used keeps its place with the reason.
 */
#ifndef OIDC_API_H
#define OIDC_API_H

#include <jansson.h>

#include "base/fail.h"
#include "oidc/provider.h"
#include "oidc/rest.h"

#define APIS_MAX 16

/* Audiences and resources, each, and patterns of programs. */
#define API_TARGETS_MAX  8
#define API_PROGRAMS_MAX 32

/* RFC 8693 section 3. */
#define API_TYPE_ACCESS_TOKEN "urn:ietf:params:oauth:token-type:access_token"
#define API_TYPE_JWT          "urn:ietf:params:oauth:token-type:jwt"

/* Longest scope of an answer that is passed on. */
#define API_SCOPE_MAX 2048

struct api {
    struct provider server;     /* its authorization server: client, health; not a provider */
    char *token_endpoint;       /* NULL: not yet known */
    const char *discovery;      /* where it is found, an absolute URL; NULL: it was configured */
    int64_t discovered_ms;      /* boot time */
    const char *provider;       /* only tokens of that provider are exchanged; NULL: of any */
    const char *subject_type;   /* URN */
    const char *requested_type; /* URN, or NULL: what the server gives */
    const char *subject_issuer; /* or NULL */
    const char *scope;          /* or NULL */
    char **audiences;
    char **resources;
    char **programs; /* who may have such tokens: for the agent */
    bool bound;      /* a token that is not bound to our certificate is refused */
    struct rest rest;
};

struct apis {
    struct api *list;
    unsigned n;
};

/* Reads every file, in the order of their names. A wrong one is logged. */
void apis_load(struct apis *apis, const char *dir, struct http *http);
void apis_done(struct apis *apis);

/* CPS_API_UNKNOWN, or CPS_CONFIGURATION when its file is wrong. */
cps_error apis_find(const struct apis *apis, const char *name, struct api **ret_api,
                    struct fail *fail);

/* "apis" of the answer to "providers" in base/proto.h. */
json_t *apis_to_json(const struct apis *apis);

#endif
