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
#define PROFILE_SECTION   "provider"

struct client_key;

enum profile_kind {
    PROFILE_PSC,          /* Pro Santé Connect */
    PROFILE_PSC_BAS,      /* its sandbox */
    PROFILE_SANDBOX,      /* a stand-in with PSC's rules */
    PROFILE_LOCAL_IDP,    /* any OpenID provider */
    PROFILE_ESANTE_PROXY, /* a server that talks to PSC for the site; issuer is its address */
};

/* How the client proves itself at the token endpoint (OpenID Connect Core section 9, RFC 8705). */
enum client_auth_method {
    CLIENT_AUTH_NONE,
    CLIENT_AUTH_SECRET_BASIC,
    CLIENT_AUTH_SECRET_POST,
    CLIENT_AUTH_TLS,
    CLIENT_AUTH_PRIVATE_KEY_JWT,
    CLIENT_AUTH_BEARER, /* e-Santé proxy only: a token of the site */
};

/* RFC 9126: when the provider's discovery document requires it, always, or never. */
enum profile_par { PAR_AUTO, PAR_YES, PAR_NO };

struct profile {
    char name[PROFILE_NAME_MAX + 1];
    const char *path;      /* of the file, while it is read */
    const char *section;   /* that holds the keys: PROFILE_SECTION, or another one of oidc/api.c */
    struct config *config; /* owns the strings below */
    enum profile_kind kind;
    bool psc; /* Pro Santé Connect's claims are required, not only OpenID Connect's */
    const char *issuer;
    char *discovery_url;
    char **allowed_hosts; /* beside the issuer's own */
    const char *client_id;
    enum client_auth_method client_auth;
    struct secret *client_secret;  /* of the two secret methods, else NULL */
    struct client_key *client_key; /* of CLIENT_AUTH_TLS and CLIENT_AUTH_PRIVATE_KEY_JWT */
    const char *client_key_id;     /* kid of assertions, or NULL */
    const char *ca_file;           /* NULL: the system's */
    const char *proxy;             /* "": none */
    const char *scope;
    const char *acr_values; /* "": none is asked for */
    char **accepted_acr;    /* empty: any */
    bool acr_absent_accepted;
    bool require_iss; /* RFC 9207: an authorization response without iss is refused */
    enum profile_par par;
    bool browser;
    bool ciba;
    const char *channel;           /* default of login_ciba */
    const char *idp_hint;          /* kc_idp_hint of the authorization URL, or NULL */
    const char *claim_national_id; /* where the person is found in ID token or UserInfo, … */
    const char *claim_given_name;
    const char *claim_family_name; /* … or NULL: not told */
    const char *redirect_host;
    const char *redirect_path;
    uint16_t redirect_ports[PROFILE_PORTS_MAX];
    unsigned n_redirect_ports; /* 0: a port of the system's choice */
    int64_t leeway_s;
    int64_t metadata_age_s; /* discovery and keys older than that are fetched again */
};

/* The name of a method, as profiles and discovery documents write it. */
const char *client_auth_name(enum client_auth_method method);

/* The name of a kind, as profiles write it. */
const char *profile_kind_name(enum profile_kind kind);

/* Letters, digits, '-' and '_', at most PROFILE_NAME_MAX. */
bool profile_name_valid(const char *name);

/*
 * Reads one file. On failure: CPS_CONFIGURATION with causes that name the key, what is wrong with
 * it, the file and the line.
 */
cps_error profile_load(const char *path, const char *name, struct profile **ret_profile,
                       struct fail *fail);

void profile_free(struct profile *profile);

static inline void cleanup_profile(struct profile **profile)
{
    profile_free(*profile);
}

#define AUTO_PROFILE __attribute__((cleanup(cleanup_profile)))

#endif
