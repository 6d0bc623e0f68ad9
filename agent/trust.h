/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorities that a card certificate must lead to: the store of agent/trust/store.h, as it was
 * when it was last fit for use.
 */
#ifndef AGENT_TRUST_H
#define AGENT_TRUST_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

struct trust;

/* A directory that does not exist gives no anchor: every card is then refused. */
struct trust *trust_new(const char *directory, bool test, struct fail *fail);
void trust_free(struct trust *trust);

/* Reads the store again. On failure the one in use stays, and trust_fail() tells. */
cps_error trust_reload(struct trust *trust, struct fail *fail);

unsigned trust_anchors(const struct trust *trust);

/* Why the last reload failed, or NULL. */
const struct fail *trust_fail(const struct trust *trust);

/*
 * Chain to an anchor, dates of the whole chain at this moment, key usage digitalSignature.
 * CPS_CERTIFICATE_UNTRUSTED, _EXPIRED or _INVALID, with OpenSSL's reason.
 */
cps_error trust_check(const struct trust *trust, X509 *certificate, struct fail *fail);

/* The same, and the authority that issued the certificate; the caller frees it. */
cps_error trust_chain(const struct trust *trust, X509 *certificate, X509 **ret_issuer,
                      struct fail *fail);

/* RSASSA-PKCS1-v1_5 with SHA-256 of data by the key of the certificate, or CPS_SIGNATURE_INVALID.
 */
cps_error trust_check_signature(X509 *certificate, const uint8_t *data, size_t len,
                                const char *signature_base64url, struct fail *fail);

#endif
