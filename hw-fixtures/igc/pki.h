/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, certificates and revocation lists of the test IGC, thin over libcrypto. */
#ifndef IGC_PKI_H
#define IGC_PKI_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

enum { PKI_DAY = 24 * 3600 };

struct pki_ca {
    X509 *cert;
    EVP_PKEY *key;
};

/* What is in a certificate of a card. Offsets are seconds from now. Texts may be NULL, but for the
 * common name and the card's serial number. */
struct pki_subject {
    const char *organization, *locality, *unit;
    const char *title, *common_name, *family_name, *given_name;
    const char *card_serial;             /* eight digits */
    const char *profession, *speciality; /* codes */
    unsigned card_type;
    long serial, not_before, not_after;
    bool signature; /* else authentication */
    bool ocsp;      /* names an OCSP responder */
    bool bare;      /* no distribution point, no private extensions: a small certificate */
    size_t padding; /* bytes of an extension that is only there to be large */
};

/* A CA, self-signed when `issuer` is NULL. The key is taken over, also on failure. */
bool pki_ca_init(struct pki_ca *ret_ca, const char *common_name, EVP_PKEY *key,
                 const struct pki_ca *issuer, long serial);
void pki_ca_done(struct pki_ca *ca);

/* A holder's certificate naming `issuer`, signed with `signer` (the issuer's key, unless forged).
 */
X509 *pki_issue(const struct pki_subject *s, EVP_PKEY *holder, const struct pki_ca *issuer,
                EVP_PKEY *signer);

/* A list of `n` revoked serial numbers. */
X509_CRL *pki_crl(const struct pki_ca *ca, const long *serials, size_t n, long last_update,
                  long next_update);

#endif
