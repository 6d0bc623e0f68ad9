/* SPDX-License-Identifier: Apache-2.0 */
/* RSA paddings (RFC 8017) that the host does for cards whose key takes whole blocks. */
#ifndef PKCS11_PADDING_H
#define PKCS11_PADDING_H

#include "base/secret.h"
#include "pkcs11/hash.h"

/* What PKCS#1 v1.5 adds at least. */
#define PADDING_PKCS1_LEN 11

/* EMSA-PKCS1-v1_5 of a DigestInfo, into len bytes; false when it does not fit. */
bool padding_pkcs1(struct span info, uint8_t *out, size_t len);

/*
 * EMSA-PSS of a hash value, for a modulus of 8 * len bits: MGF1 of that hash, a fresh salt as long
 * as it. False when it does not fit, or there is no randomness.
 */
bool padding_pss(enum hash hash, struct span digest, uint8_t *out, size_t len);

/* Takes an EME-PKCS1-v1_5 padding off, in constant time; false when it is wrong, however it is. */
bool padding_pkcs1_remove(struct span block, struct secret *plain);

#endif
