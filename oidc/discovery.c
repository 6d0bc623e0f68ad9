/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/discovery.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "oidc/url.h"

static const struct member {
    const char *name;
    const char *reason;
    size_t offset;
    bool required;
} members[] = {
    {"authorization_endpoint", "authorization_endpoint", offsetof(struct endpoints, authorization),
     true},
    {"token_endpoint", "token_endpoint", offsetof(struct endpoints, token), true},
    {"userinfo_endpoint", "userinfo_endpoint", offsetof(struct endpoints, userinfo), true},
    {"jwks_uri", "jwks_uri", offsetof(struct endpoints, jwks), true},
    {"end_session_endpoint", "end_session_endpoint", offsetof(struct endpoints, end_session),
     false},
    {"revocation_endpoint", "revocation_endpoint", offsetof(struct endpoints, revocation), false},
    {"backchannel_authentication_endpoint", "ciba_endpoint", offsetof(struct endpoints, ciba),
     false},
};

static char **slot_of(struct endpoints *endpoints, const struct member *member)
{
    return (char **)((char *)endpoints + member->offset);
}

void endpoints_done(struct endpoints *endpoints)
{
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        free(*slot_of(endpoints, &members[i]));
    *endpoints = (struct endpoints){0};
}

static cps_error refuse(struct fail *fail, const char *reason, const char *what)
{
    return fail_reason(fail, CPS_PROVIDER_DISCOVERY, reason, "discovery document: %s %s", reason,
                       what);
}

static cps_error take(const struct profile *profile, const json_t *document,
                      const struct member *member, struct endpoints *endpoints, struct fail *fail)
{
    const json_t *value = json_object_get(document, member->name);
    const char *url = json_string_value(value);
    char *copy;

    if (value == NULL && !member->required)
        return CPS_OK;
    if (url == NULL)
        return refuse(fail, member->reason, value == NULL ? "is missing" : "is not a string");
    if (!url_allowed(url, profile->issuer, profile->allowed_hosts))
        return refuse(fail, member->reason, "is not an https URL of an allowed host");
    copy = strdup(url);
    if (copy == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    *slot_of(endpoints, member) = copy;
    return CPS_OK;
}

cps_error discovery_read(const struct profile *profile, const json_t *document,
                         struct endpoints *ret_endpoints, struct fail *fail)
{
    __attribute__((cleanup(endpoints_done))) struct endpoints found = {0};
    const char *issuer = json_get_string(document, "issuer");

    if (issuer == NULL || strcmp(issuer, profile->issuer) != 0)
        return refuse(fail, "issuer", "is not the configured one");
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (take(profile, document, &members[i], &found, fail) != CPS_OK)
            return fail->code;
    if (profile->ciba && found.ciba == NULL)
        return refuse(fail, "ciba_endpoint", "is missing");
    endpoints_done(ret_endpoints);
    *ret_endpoints = found;
    found = (struct endpoints){0};
    return CPS_OK;
}
