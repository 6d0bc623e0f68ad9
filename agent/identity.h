/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a card certificate names. The subject of a person holds a national identifier (CN), a family
 * name (SN), given names (GN) and a profession (title), in RDNs of one or several attributes and in
 * any order; that of an employee also a structure (O, L, OU). Some cards of employees and all
 * technical certificates name a structure or the card, and nobody.
 */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include <jansson.h>
#include <openssl/x509.h>
#include <stdbool.h>

/* Longest text taken from a certificate, in bytes of UTF-8. */
#define IDENTITY_TEXT_MAX 256

/* A certificate from the base64url of its DER; NULL when it is not exactly one. */
X509 *identity_parse(const char *der_base64url);

/*
 * The holder as the API shows it (schema Holder), source "certificate". A new object. Without both
 * a family name and a national identifier it has neither of them, but "common_name".
 */
json_t *identity_holder(X509 *certificate);

/* Whether a holder is a person: one that has a name. NULL is nobody. */
bool identity_is_person(const json_t *holder);

/* What statements call the person: the national identifier, else the one that the site gave; NULL
 * when there is neither. Borrowed. */
const char *identity_subject(const json_t *holder);

/*
 * The holder (borrowed) completed by what the card's own objects tell of it ("info" of the op
 * situations, or NULL), unless they are about somebody else. A new reference.
 */
json_t *identity_complete(json_t *holder, const json_t *info);

/*
 * Which people the card is made for: "CPS", "CPF" (in training), "CPE" (employees, and directors:
 * CDE) or "CPA"; NULL when the private extensions do not tell, or contradict one another.
 */
const char *identity_card_type(X509 *certificate);

/* RFC 4514 text of a name, NULL when memory is short. The caller frees it. */
char *identity_name_text(const X509_NAME *name);

/* Serial number of a certificate, hexadecimal; the caller frees it. */
char *identity_serial(const X509 *certificate);

/* Seconds since 1970 of a certificate's date; 0 when it cannot be read. */
int64_t identity_time(const ASN1_TIME *time);

/* PEM text; the caller frees it. */
char *identity_pem(X509 *certificate);

#endif
