/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The discovery document (OpenID Connect Discovery 1.0 section 4.3): only the endpoints are taken
 * from it. What the provider says it supports (algorithms, acr values, methods) is not believed:
 * the profile pins that.
 */
#ifndef OIDC_DISCOVERY_H
#define OIDC_DISCOVERY_H

#include <jansson.h>

#include "base/fail.h"
#include "oidc/profile.h"

struct endpoints {
    char *authorization;
    char *token;
    char *jwks;
    char *userinfo; /* this one and those below: NULL when not offered; PSC's always is */
    char *end_session;
    char *revocation;
    char *introspection;
    char *ciba;
    char *par;
    bool par_required;
};

/*
 * Takes the endpoints of a document: issuer exactly the profile's, each URL https on an allowed
 * host, CIBA there when the profile uses it. A client that proves itself by TLS takes the endpoints
 * made for that (mtls_endpoint_aliases, RFC 8705 section 5) where there are any. On failure:
 * CPS_PROVIDER_DISCOVERY with the name of the member as reason, and ret_endpoints is untouched.
 */
cps_error discovery_read(const struct profile *profile, const json_t *document,
                         struct endpoints *ret_endpoints, struct fail *fail);

/*
 * The token endpoint alone, of a server that logs nobody in; the caller frees it. Issuer and host
 * are judged as above.
 */
cps_error discovery_read_token(const struct profile *profile, const json_t *document,
                               char **ret_endpoint, struct fail *fail);

void endpoints_done(struct endpoints *endpoints);

#endif
