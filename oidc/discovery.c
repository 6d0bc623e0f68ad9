/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/discovery.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "oidc/url.h"

enum need { NEEDED, NEEDED_BY_PSC, OPTIONAL };

static const struct member {
    const char *name;
    const char *reason;
    size_t offset;
    enum need need;
    bool client; /* the client proves itself there: it may have an alias for TLS */
} members[] = {
    {"authorization_endpoint", "authorization_endpoint", offsetof(struct endpoints, authorization),
     NEEDED, false},
    {"token_endpoint", "token_endpoint", offsetof(struct endpoints, token), NEEDED, true},
    {"userinfo_endpoint", "userinfo_endpoint", offsetof(struct endpoints, userinfo), NEEDED_BY_PSC,
     true},
    {"jwks_uri", "jwks_uri", offsetof(struct endpoints, jwks), NEEDED, false},
    {"end_session_endpoint", "end_session_endpoint", offsetof(struct endpoints, end_session),
     OPTIONAL, false},
    {"revocation_endpoint", "revocation_endpoint", offsetof(struct endpoints, revocation), OPTIONAL,
     true},
    {"introspection_endpoint", "introspection_endpoint", offsetof(struct endpoints, introspection),
     OPTIONAL, true},
    {"backchannel_authentication_endpoint", "ciba_endpoint", offsetof(struct endpoints, ciba),
     OPTIONAL, true},
    {"pushed_authorization_request_endpoint", "par_endpoint", offsetof(struct endpoints, par),
     OPTIONAL, true},
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

static const json_t *value_of(const struct profile *profile, const json_t *document,
                              const struct member *member)
{
    const json_t *aliases = json_object_get(document, "mtls_endpoint_aliases");
    const json_t *alias = json_object_get(aliases, member->name);

    if (member->client && alias != NULL && profile->client_auth == CLIENT_AUTH_TLS)
        return alias;
    return json_object_get(document, member->name);
}

static cps_error take(const struct profile *profile, const json_t *document,
                      const struct member *member, struct endpoints *endpoints, struct fail *fail)
{
    const json_t *value = value_of(profile, document, member);
    const char *url = json_string_value(value);
    char *copy;

    if (value == NULL &&
        (member->need == OPTIONAL || (member->need == NEEDED_BY_PSC && !profile->psc)))
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

static cps_error check_issuer(const struct profile *profile, const json_t *document,
                              struct fail *fail)
{
    const char *issuer = json_get_string(document, "issuer");

    if (issuer == NULL || strcmp(issuer, profile->issuer) != 0)
        return refuse(fail, "issuer", "is not the configured one");
    return CPS_OK;
}

cps_error discovery_read_token(const struct profile *profile, const json_t *document,
                               char **ret_endpoint, struct fail *fail)
{
    __attribute__((cleanup(endpoints_done))) struct endpoints found = {0};

    if (check_issuer(profile, document, fail) != CPS_OK)
        return fail->code;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (members[i].offset == offsetof(struct endpoints, token) &&
            take(profile, document, &members[i], &found, fail) != CPS_OK)
            return fail->code;
    *ret_endpoint = found.token;
    found.token = NULL;
    return CPS_OK;
}

cps_error discovery_read(const struct profile *profile, const json_t *document,
                         struct endpoints *ret_endpoints, struct fail *fail)
{
    __attribute__((cleanup(endpoints_done))) struct endpoints found = {0};

    if (check_issuer(profile, document, fail) != CPS_OK)
        return fail->code;
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
        if (take(profile, document, &members[i], &found, fail) != CPS_OK)
            return fail->code;
    if (profile->ciba && found.ciba == NULL)
        return refuse(fail, "ciba_endpoint", "is missing");
    found.par_required = profile->par == PAR_YES ||
                         (profile->par == PAR_AUTO &&
                          json_get_bool(document, "require_pushed_authorization_requests", false));
    if (found.par_required && found.par == NULL)
        return refuse(fail, "par_endpoint", "is missing");
    endpoints_done(ret_endpoints);
    *ret_endpoints = found;
    found = (struct endpoints){0};
    return CPS_OK;
}
