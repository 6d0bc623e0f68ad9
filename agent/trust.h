/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The authorities that a card certificate must lead to: the PEM files of one directory. A
 * self-signed certificate is an anchor, any other one only helps to build the chain.
 */
#ifndef AGENT_TRUST_H
#define AGENT_TRUST_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

struct trust;

/* A directory that does not exist gives no anchor: every card is then refused. */
struct trust *trust_new(const char *directory, struct fail *fail);
void trust_free(struct trust *trust);

unsigned trust_anchors(const struct trust *trust);

/*
 * Chain to an anchor, dates of the whole chain at this moment, key usage digitalSignature.
 * CPS_CERTIFICATE_UNTRUSTED, _EXPIRED or _INVALID, with OpenSSL's reason.
 */
cps_error trust_check(const struct trust *trust, X509 *certificate, struct fail *fail);

/* RSASSA-PKCS1-v1_5 with SHA-256 of data by the key of the certificate, or CPS_SIGNATURE_INVALID.
 */
cps_error trust_check_signature(X509 *certificate, const uint8_t *data, size_t len,
                                const char *signature_base64url, struct fail *fail);

#endif
