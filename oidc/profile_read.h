/* SPDX-License-Identifier: Apache-2.0 */
/* For the files that read a profile: its keys, and what is said of a wrong one. */
#ifndef OIDC_PROFILE_READ_H
#define OIDC_PROFILE_READ_H

#include <stddef.h>

#include "oidc/profile.h"

#define PROFILE_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define PROFILE_DIGITS  "0123456789"

/* The value of a key, or otherwise. */
const char *profile_text(const struct profile *profile, const char *key, const char *otherwise);

/* CPS_CONFIGURATION: "[provider] key: why", then the file and the line of the key. */
cps_error profile_wrong(const struct profile *profile, struct fail *fail, const char *key,
                        const char *why);

/* The same when fail says why already. */
cps_error profile_wrong_key(const struct profile *profile, struct fail *fail, const char *key);

/* True when text is 1 to max characters out of set. */
bool profile_made_of(const char *text, size_t max, const char *set);

/* The index of a value in a NULL-terminated list of words, or -1. */
int profile_one_of(const char *value, const char *const *words);

/* What the kind of a profile gives to keys that the file leaves out. NULL: nothing. */
struct profile_defaults {
    const char *issuer;
    const char *allowed_hosts;
    const char *discovery;
    const char *scope;
    const char *acr_values;
    const char *accepted_acr;
    const char *acr_absent;
    const char *claim_national_id;
};

/* oidc/profile_kind.c: sets kind and psc. */
cps_error profile_read_kind(struct profile *profile, struct fail *fail);
const struct profile_defaults *profile_defaults(enum profile_kind kind);

/* oidc/profile.c: allowed_hosts; ca_file, proxy and metadata_age_s. */
cps_error profile_read_hosts(struct profile *profile, const char *otherwise, struct fail *fail);
cps_error profile_read_network(struct profile *profile, struct fail *fail);

/* oidc/profile_client.c: client_id and the credential. */
cps_error profile_read_client(struct profile *profile, struct fail *fail);

#endif
