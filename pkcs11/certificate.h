/* SPDX-License-Identifier: Apache-2.0 */
/* The X.509 certificate of one key of a card: what it may be used for, and whether a signature is
 * its key's. The chain, the dates and the holder are the agent's business. */
#ifndef PKCS11_CERTIFICATE_H
#define PKCS11_CERTIFICATE_H

#include "base/fail.h"
#include "pkcs11/tlv.h"

#define CERTIFICATE_ID_LEN 32
#define SIGNATURE_MAX      512

/* USAGE_TECHNICAL: the key of a card read without contact; no PIN guards it. */
enum key_usage { USAGE_AUTHENTICATION, USAGE_SIGNATURE, USAGE_TECHNICAL };
#define KEY_USAGES 3

enum hash { HASH_SHA256, HASH_SHA384, HASH_SHA512 };

/* DigestInfo of the longest of these hashes. */
#define DIGEST_INFO_MAX 83

struct certificate;

/* Once, before the rest: libcrypto without the machine's configuration, engines or modules. */
void certificate_init(void);

/* Length that the DER header announces; 0 when this is not the start of a certificate. */
size_t certificate_length(struct span first);

/* An RSA certificate; anything else is CPS_CERTIFICATE_INVALID. */
cps_error certificate_new(struct span der, struct certificate **ret_certificate, struct fail *fail);
void certificate_free(struct certificate *certificate);

struct span certificate_der(const struct certificate *certificate);

/* SHA-256 of its SubjectPublicKeyInfo, CERTIFICATE_ID_LEN bytes. */
const uint8_t *certificate_id(const struct certificate *certificate);

/*
 * Whether its keyUsage extension is that of the authentication certificate (digitalSignature
 * without nonRepudiation) or of the signature certificate (nonRepudiation).
 */
bool certificate_is_for(const struct certificate *certificate, enum key_usage usage);

/*
 * Whether this is an RSASSA-PKCS1-v1_5 signature by the key of the certificate; info: the
 * DigestInfo, or whatever else was padded and signed.
 */
bool certificate_verifies(const struct certificate *certificate, struct span info,
                          struct span signature);

/* "sha256", "sha384" or "sha512"; false for any other name. */
bool hash_from_name(const char *name, enum hash *ret_hash);
size_t hash_len(enum hash hash);

/* DigestInfo (RFC 8017 section 9.2) into out, of DIGEST_INFO_MAX bytes; the length of it. */
size_t hash_digest_info(enum hash hash, struct span digest, uint8_t *out);

static inline void cleanup_certificate(struct certificate **certificate)
{
    certificate_free(*certificate);
}

#define AUTO_CERTIFICATE __attribute__((cleanup(cleanup_certificate)))

#endif
