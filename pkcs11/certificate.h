/* SPDX-License-Identifier: Apache-2.0 */
/* The X.509 certificate of one key of a card: what it may be used for, and whether a signature is
 * its key's. The chain, the dates and the holder are the agent's business. */
#ifndef PKCS11_CERTIFICATE_H
#define PKCS11_CERTIFICATE_H

#include "base/fail.h"
#include "pkcs11/hash.h"
#include "pkcs11/tlv.h"

#define CERTIFICATE_ID_LEN 32
#define SIGNATURE_MAX      512

/* USAGE_TECHNICAL: the key of a card read without contact; no PIN guards it. */
enum key_usage { USAGE_AUTHENTICATION, USAGE_SIGNATURE, USAGE_TECHNICAL };
#define KEY_USAGES 3

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

/* Length of its RSA modulus, hence of a signature, in bytes; at most SIGNATURE_MAX. */
size_t certificate_modulus_len(const struct certificate *certificate);

/*
 * Whether its keyUsage extension is that of the authentication or the technical certificate
 * (digitalSignature without nonRepudiation) or of the signature certificate (nonRepudiation).
 */
bool certificate_is_for(const struct certificate *certificate, enum key_usage usage);

/*
 * Whether this is an RSASSA-PKCS1-v1_5 signature by the key of the certificate; info: the
 * DigestInfo, or whatever else was padded and signed.
 */
bool certificate_verifies(const struct certificate *certificate, struct span info,
                          struct span signature);

/* Likewise RSASSA-PSS, with MGF1 and a salt length of that hash; digest: the value of it. */
bool certificate_verifies_pss(const struct certificate *certificate, enum hash hash,
                              struct span digest, struct span signature);

/* Whether this can be a cryptogram of the key: as long as its modulus, and smaller. */
bool certificate_takes(const struct certificate *certificate, struct span cryptogram);

/* Whether the public key, without any padding, makes that cryptogram of that block. */
bool certificate_encrypts(const struct certificate *certificate, struct span block,
                          struct span cryptogram);

static inline void cleanup_certificate(struct certificate **certificate)
{
    certificate_free(*certificate);
}

#define AUTO_CERTIFICATE __attribute__((cleanup(cleanup_certificate)))

#endif
