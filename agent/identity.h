/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a card certificate names. The subject of a person is
 * C=FR, title=<profession>, CN=<type digit and national number>+SN=<name>+GN=<given name>;
 * everything else in it is left alone.
 */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include <jansson.h>
#include <openssl/x509.h>

/* A certificate from the base64url of its DER; NULL when it is not exactly one. */
X509 *identity_parse(const char *der_base64url);

/* The holder as the API shows it. A new object; NULL when the certificate names no person. */
json_t *identity_holder(X509 *certificate);

/* RFC 4514 text of a name, NULL when memory is short. The caller frees it. */
char *identity_name_text(const X509_NAME *name);

/* Serial number of a certificate, hexadecimal; the caller frees it. */
char *identity_serial(const X509 *certificate);

/* PEM text; the caller frees it. */
char *identity_pem(X509 *certificate);

#endif
