/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of card authorities: the PEM files of one directory. A certificate counts only when
 * its fingerprint is pinned in this program or recorded in APPROVED with a name; the test
 * authorities are apart, in the directory TEST, and are read only where the configuration says so.
 */
#ifndef TRUST_STORE_H
#define TRUST_STORE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/trust/pins.h"
#include "base/fail.h"

#define STORE_APPROVED "approved.conf"
#define STORE_TEST     "test"
#define STORE_MAX      256 /* certificates */

enum store_origin { STORE_IS_PINNED, STORE_IS_APPROVED, STORE_IS_TEST };

struct store_entry {
    X509 *certificate;
    char fingerprint[FINGERPRINT_SIZE];
    enum store_origin origin;
    char *name; /* pinned, approved, or the common name of a test authority */
    char *file; /* its path */
};

struct store {
    struct store_entry *entries;
    size_t n;
};

/* What an administrator has approved: fingerprints and names, in the order of the file. */
struct approval {
    char fingerprint[FINGERPRINT_SIZE];
    char *name;
};

struct approvals {
    struct approval *list;
    size_t n;
};

cps_error approvals_read(const char *directory, struct approvals *ret_approvals, struct fail *fail);
void approvals_done(struct approvals *approvals);
const char *approvals_name(const struct approvals *approvals, const char *fingerprint);

/*
 * The whole store, or nothing: CPS_CONFIGURATION names the file that cannot be used. A directory
 * that does not exist holds nothing.
 */
cps_error store_read(const char *directory, bool test, struct store **ret_store, struct fail *fail);
void store_free(struct store *store);

/* A self-signed certificate is an anchor, any other one only helps to build chains. */
bool store_is_anchor(X509 *certificate);

/* The common name, or else the whole subject; the caller frees it. */
char *store_subject(X509 *certificate);

const char *store_origin_name(enum store_origin origin);

static inline void cleanup_store(struct store **store)
{
    store_free(*store);
}

#define AUTO_STORE     __attribute__((cleanup(cleanup_store)))
#define AUTO_APPROVALS __attribute__((cleanup(approvals_done)))

#endif
