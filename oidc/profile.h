/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider profile: DIR/providers.d/NAME.conf, one [provider] section. It pins what may be used
 * of a provider; nothing is negotiated from discovery. docs: oidc/providers.d/.
 */
#ifndef OIDC_PROFILE_H
#define OIDC_PROFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/config.h"
#include "base/secret.h"

#define PROFILE_NAME_MAX  32
#define PROFILE_PORTS_MAX 16

/* How the client proves itself at the token endpoint (OpenID Connect Core section 9). */
enum client_auth_method {
    CLIENT_AUTH_NONE,
    CLIENT_AUTH_SECRET_BASIC,
    CLIENT_AUTH_SECRET_POST,
};

struct profile {
    char name[PROFILE_NAME_MAX + 1];
    struct config *config; /* owns the strings below */
    bool psc;              /* Pro Santé Connect's claims are required, not only OpenID Connect's */
    const char *issuer;
    char *discovery_url;
    char **allowed_hosts; /* beside the issuer's own */
    const char *client_id;
    enum client_auth_method client_auth;
    struct secret *client_secret; /* NULL for CLIENT_AUTH_NONE */
    const char *ca_file;          /* NULL: the system's */
    const char *proxy;            /* "": none */
    const char *scope;
    const char *acr_values;
    char **accepted_acr;
    bool acr_absent_accepted;
    bool require_iss; /* RFC 9207: an authorization response without iss is refused */
    bool browser;
    bool ciba;
    const char *channel;  /* default of login_ciba */
    const char *idp_hint; /* kc_idp_hint of the authorization URL, or NULL */
    const char *redirect_host;
    const char *redirect_path;
    uint16_t redirect_ports[PROFILE_PORTS_MAX];
    unsigned n_redirect_ports; /* 0: a port of the system's choice */
    int64_t leeway_s;
    int64_t metadata_age_s; /* discovery and keys older than that are fetched again */
};

/* Letters, digits, '-' and '_', at most PROFILE_NAME_MAX. */
bool profile_name_valid(const char *name);

/* Reads one file. On failure: CPS_CONFIGURATION with a cause that names the file and the key. */
cps_error profile_load(const char *path, const char *name, struct profile **ret_profile,
                       struct fail *fail);

void profile_free(struct profile *profile);

static inline void cleanup_profile(struct profile **profile)
{
    profile_free(*profile);
}

#define AUTO_PROFILE __attribute__((cleanup(cleanup_profile)))

#endif
