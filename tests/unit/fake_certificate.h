/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for the cards of the drivers' tests. */
#ifndef TESTS_FAKE_CERTIFICATE_H
#define TESTS_FAKE_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "pkcs11/driver.h"
#include "tests/unit/ber.h"

/* A certificate of that key with that keyUsage, in DER; the caller frees it. */
static inline struct span fake_make_certificate(EVP_PKEY *key, const char *usage)
{
    X509 *x509 = X509_new();
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, usage);
    unsigned char *der = NULL;
    int len;

    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key);
    X509_add_ext(x509, extension, -1);
    ber_need(X509_sign(x509, key, EVP_sha256()) > 0);
    len = i2d_X509(x509, &der);
    ber_need(len > 0);
    X509_EXTENSION_free(extension);
    X509_free(x509);
    return (struct span){der, (size_t)len};
}

#endif
