/* SPDX-License-Identifier: Apache-2.0 */
/* The card authorities that are known beforehand, by the SHA-256 of their certificates. */
#ifndef TRUST_PINS_H
#define TRUST_PINS_H

#include <openssl/x509.h>

/* Where the issuer publishes them. No more than a convenience: only the fingerprints count. */
#define PINS_BUNDLE_URL "http://igc-sante.esante.gouv.fr/AC/Chaine_de_certification-IGC-Sante.p7b"

/* Lower case hexadecimal digits of a SHA-256, and a NUL. */
#define FINGERPRINT_SIZE 65

/* Of the DER of a certificate. All zeros, which matches nothing, when it cannot be computed. */
void fingerprint_of(const X509 *certificate, char ret_text[static FINGERPRINT_SIZE]);

/* Reads one as people write it: upper or lower case, with or without ':' between bytes. */
int fingerprint_parse(const char *text, char ret_text[static FINGERPRINT_SIZE]);

/* The name of a known authority, NULL for any other certificate. */
const char *pins_name(const char *fingerprint);

#endif
