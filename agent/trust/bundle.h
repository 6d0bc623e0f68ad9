/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates in whatever wrapping their issuer hands them out: PEM, DER, PKCS#7 (.p7b). */
#ifndef TRUST_BUNDLE_H
#define TRUST_BUNDLE_H

#include <openssl/x509.h>
#include <stddef.h>

#include "base/fail.h"

#define BUNDLE_MAX              (1024 * 1024)
#define BUNDLE_CERTIFICATES_MAX 64

/* All the certificates, in their order; free them with sk_X509_pop_free(). */
cps_error bundle_parse(const void *data, size_t len, STACK_OF(X509) * *ret_certificates,
                       struct fail *fail);

/* All of a file of at most BUNDLE_MAX bytes; the caller frees it. */
cps_error bundle_read(const char *path, char **ret_data, size_t *ret_len, struct fail *fail);

#endif
