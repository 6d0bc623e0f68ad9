/* SPDX-License-Identifier: Apache-2.0 */
/* One question about one certificate to an OCSP responder (RFC 6960), and its answer. */
#ifndef TRUST_OCSP_H
#define TRUST_OCSP_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

struct ocsp;

enum ocsp_status { OCSP_GOOD, OCSP_REVOKED, OCSP_UNKNOWN };

struct ocsp_answer {
    enum ocsp_status status;
    int64_t this_update_s;
    int64_t revoked_at_s; /* -1 unless revoked */
    int reason;           /* CRLReason, or -1 */
};

/* The question carries a nonce. The issuer is kept: the answer must be in its name. */
struct ocsp *ocsp_new(X509 *certificate, X509 *issuer);
void ocsp_free(struct ocsp *ocsp);

/* DER of the question; free it with OPENSSL_free(). Returns its length, -1 on failure. */
int ocsp_request(const struct ocsp *ocsp, unsigned char **ret_der);

/*
 * Checks an answer: signed by the issuer, or by a responder that the issuer has certified for
 * that; about this certificate; of now; and to this question, unless the responder leaves nonces
 * out, as those do that sign beforehand. CPS_REVOCATION_UNKNOWN with a reason: "malformed",
 * "refused", "signature", "nonce", "other", "dates".
 */
cps_error ocsp_check(const struct ocsp *ocsp, const void *der, size_t len,
                     struct ocsp_answer *ret_answer, struct fail *fail);

#endif
