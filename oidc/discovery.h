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
    char *userinfo;
    char *jwks;
    char *end_session; /* this one and those below: NULL when not offered */
    char *revocation;
    char *ciba;
};

/*
 * Takes the endpoints of a document: issuer exactly the profile's, each URL https on an allowed
 * host, CIBA there when the profile uses it. On failure: CPS_PROVIDER_DISCOVERY with the name of
 * the member as reason, and ret_endpoints is untouched.
 */
cps_error discovery_read(const struct profile *profile, const json_t *document,
                         struct endpoints *ret_endpoints, struct fail *fail);

void endpoints_done(struct endpoints *endpoints);

#endif
