/* SPDX-License-Identifier: Apache-2.0 */
/* The hash algorithms of card signatures: names, DigestInfo, and the last round of a hash. */
#ifndef PKCS11_HASH_H
#define PKCS11_HASH_H

#include <stdbool.h>
#include <stdint.h>

#include "pkcs11/tlv.h"

/* HASH_SHA1 is for mechanisms that name it: hash_from_name() does not know it. */
enum hash { HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_SHA1 };

#define HASH_LEN_MAX 64

/* What SHA-1 and SHA-256 take at a time. */
#define HASH_BLOCK_LEN 64

/* DigestInfo of the longest of these hashes. */
#define DIGEST_INFO_MAX 83

/* "sha256", "sha384" or "sha512"; false for any other name. */
bool hash_from_name(const char *name, enum hash *ret_hash);
size_t hash_len(enum hash hash);

/* libcrypto's. */
const struct evp_md_st *hash_md(enum hash hash);

/* DigestInfo (RFC 8017 section 9.2) into out, of DIGEST_INFO_MAX bytes; the length of it. */
size_t hash_digest_info(enum hash hash, struct span digest, uint8_t *out);

/* Takes a DigestInfo apart; false when it is not that of one of these hashes, in DER. */
bool hash_from_digest_info(struct span info, enum hash *ret_hash, struct span *ret_digest);

/*
 * Ends a SHA-1 or SHA-256 that was begun elsewhere: state, the chaining value after hashed bytes
 * (whole blocks; none: both are empty), and the last bytes, at most one block. False when these do
 * not fit together. out: HASH_LEN_MAX bytes.
 */
bool hash_finish(enum hash hash, struct span state, uint64_t hashed, struct span last,
                 uint8_t *out);

#endif
