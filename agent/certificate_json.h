/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate in pieces, for PKCS#11 programs whose side does not parse DER. */
#ifndef AGENT_CERTIFICATE_JSON_H
#define AGENT_CERTIFICATE_JSON_H

#include <jansson.h>
#include <openssl/x509.h>

/*
 * {der, subject, issuer, serial_number, start_date, end_date, modulus, exponent}: base64url of DER
 * and of big-endian numbers, dates as YYYYMMDD; modulus and exponent for RSA keys only. A new
 * object, or NULL.
 */
json_t *certificate_json_parts(X509 *certificate);

/* Its DER in base64url, in a new string, or NULL. */
char *certificate_json_text(X509 *certificate);

#endif
