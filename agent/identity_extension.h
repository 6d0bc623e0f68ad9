/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The private extensions of card certificates. None of this has been seen on a real card: their
 * places are what sample code and third parties tell, their encoding is not told at all. Whatever
 * is missing or odd there is simply not known.
 */
#ifndef AGENT_IDENTITY_EXTENSION_H
#define AGENT_IDENTITY_EXTENSION_H

#include <jansson.h>
#include <openssl/x509.h>

/* What is in an extension when it is one short text, one number, or neither (NULL). New. */
json_t *identity_extension(const X509 *certificate, const char *oid);

/* The same, when it is a code of a nomenclature: letters and digits only, "10" of "10^1.2.250…". */
json_t *identity_extension_code(const X509 *certificate, const char *oid);

/* Code of the profession in TRE_G15, of the speciality in TRE_R01. */
#define IDENTITY_OID_PROFESSION "1.2.250.1.71.1.2.7"
#define IDENTITY_OID_SPECIALITY "1.2.250.1.71.4.2.5"

/* The type of the card (0 CPS, 1 CPF, 2 CPE and CDE, 3 CPA) is told in one of these two. */
#define IDENTITY_OID_CARD_ID   "1.2.250.1.71.1.2.2"
#define IDENTITY_OID_CARD_TYPE "1.2.250.1.71.1.2.3"

#endif
