/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists kept from one start of the agent to the next: public data, signed, and verified
 * again each time they are read.
 */
#ifndef AGENT_CRL_CACHE_H
#define AGENT_CRL_CACHE_H

#include <openssl/x509.h>
#include <stdint.h>

#define CRL_CACHE_NAME_SIZE 72

/* The file of a list: one for each address and issuer. */
void crl_cache_name(const char *url, const X509 *issuer, char ret_name[static CRL_CACHE_NAME_SIZE]);

/* A descriptor for reading, and when it was fetched; -1 when nothing is kept. */
int crl_cache_open(const char *state_dir, const char *name, int64_t *ret_fetched_s);

/* A new file, -1 when there cannot be one; crl_cache_keep() puts it in its place when it is full.
 */
int crl_cache_create(const char *state_dir, const char *name);
int crl_cache_keep(const char *state_dir, const char *name);

#endif
