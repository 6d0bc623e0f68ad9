/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a list says, in a form that can be asked at once: records sorted by serial number in a
 * sealed memfd. A process that may take its time makes it; the agent only looks things up.
 */
#ifndef TRUST_CRL_TABLE_H
#define TRUST_CRL_TABLE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

/* RFC 5280 section 4.1.2.2: no serial number is longer. */
#define CRL_SERIAL_LEN 20

struct crl_record {
    int64_t revoked_at_s;
    uint8_t serial[CRL_SERIAL_LEN]; /* big-endian */
    int32_t reason;                 /* CRLReason, -1 when the list gives none */
};

struct crl_table;

/* Writes the records of a list to a descriptor. CPS_REVOCATION_UNKNOWN "malformed", or _STORAGE. */
cps_error crl_table_write(X509_CRL *crl, int fd, struct fail *fail);

/* An empty memfd that can be sealed, or -1. */
int crl_table_memfd(void);

/* Seals and maps what was written. The descriptor stays the caller's. NULL: out of shape. */
struct crl_table *crl_table_open(int fd);
void crl_table_free(struct crl_table *table);

/* The record of that certificate, or NULL. Borrowed. */
const struct crl_record *crl_table_find(const struct crl_table *table, const X509 *certificate);

/* RFC 5280's name of a reason: "keyCompromise"…; "unspecified" for none. */
const char *crl_reason_name(int reason);

#endif
