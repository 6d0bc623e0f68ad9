/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate revocation list (RFC 5280 section 5), as far as one list for the holders'
 * certificates of one authority goes: complete, direct, signed by that authority.
 */
#ifndef TRUST_CRL_H
#define TRUST_CRL_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

/* Hexadecimal digits of a CRL number of 20 bytes, and a NUL. */
#define CRL_NUMBER_SIZE 41

/* Clocks of two machines. */
#define CRL_SKEW_S 300

struct crl_info {
    char number[CRL_NUMBER_SIZE]; /* hexadecimal, "" when the list has none */
    int64_t this_update_s;
    int64_t next_update_s;
    size_t entries;
};

/*
 * Reads a DER list and checks all but whether it has been replaced: that depends on the moment of
 * its use. url: where it was published; known: the list it comes after, or NULL.
 * CPS_REVOCATION_UNKNOWN with a reason: "malformed", "issuer", "issuer_usage", "algorithm",
 * "signature", "delta", "indirect", "scope", "critical", "future", "no_next_update",
 * "number_back", "older". Free the list with X509_CRL_free().
 */
cps_error crl_read(const void *der, size_t len, X509 *issuer, const char *url,
                   const struct crl_info *known, X509_CRL **ret_crl, struct crl_info *ret_info,
                   struct fail *fail);

/* Seconds since 1970 of a time in a certificate or list; -1 when it is none. */
int64_t crl_time(const ASN1_TIME *time);

#endif
