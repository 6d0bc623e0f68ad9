/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an access token is bound to a client certificate (RFC 8705 section 3.1): its claim
 * cnf.x5t#S256. The token is for the API, which verifies it: here its claims are only looked at.
 */
#ifndef OIDC_BINDING_H
#define OIDC_BINDING_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#define BINDING_HASH_SIZE 32

enum binding {
    BINDING_NONE, /* to no certificate, or nothing can be read in it */
    BINDING_OURS,
    BINDING_OTHER, /* to another certificate, or to what is no thumbprint at all */
};

/* certificate: of our client, or NULL. */
enum binding binding_of(const char *token, const X509 *certificate);

/*
 * The 32 bytes of a thumbprint in either of the encodings that are met: base64url of them (RFC
 * 8705), and standard base64, padded, of their lower-case hexadecimal text, as ANS's documents have
 * it. False: neither.
 */
bool binding_thumbprint(const char *text, uint8_t ret_hash[static BINDING_HASH_SIZE]);

#endif
