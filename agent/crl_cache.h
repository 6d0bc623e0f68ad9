/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Revocation lists kept from one start of the agent to the next: public data, signed, and verified
 * again each time they are read.
 */
#ifndef AGENT_CRL_CACHE_H
#define AGENT_CRL_CACHE_H

#include <openssl/x509.h>

#define CRL_CACHE_NAME_SIZE 80

/* The file of a list, in the state directory: one for each address and issuer. */
void crl_cache_name(const char *url, const X509 *issuer, char ret_name[static CRL_CACHE_NAME_SIZE]);

#endif
