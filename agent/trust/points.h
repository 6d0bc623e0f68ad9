/* SPDX-License-Identifier: Apache-2.0 */
/* Where a certificate says that its revocation is told. */
#ifndef TRUST_POINTS_H
#define TRUST_POINTS_H

#include <openssl/x509.h>

/*
 * The first http or https address of its complete revocation list, or of its OCSP responder. NULL
 * when it names none. The caller frees it.
 */
char *points_crl(const X509 *certificate);
char *points_ocsp(const X509 *certificate);

#endif
