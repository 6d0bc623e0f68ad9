/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two secrets of the station, created at first start and kept in the state directory, mode
 * 0600: the key that signs statements (ES256), and the one that turns serial numbers into
 * pseudonyms. Files that others could read or write are refused.
 */
#ifndef AGENT_KEYS_H
#define AGENT_KEYS_H

#include <jansson.h>

#include "base/fail.h"

#define KEYS_STATEMENT_FILE "statement-key.pem"
#define KEYS_PSEUDONYM_FILE "pseudonym-key"

struct keys;

/* Loads or creates both; the directory is created, mode 0700. NULL and CPS_STORAGE otherwise. */
struct keys *keys_new(const char *state_dir, struct fail *fail);
void keys_free(struct keys *keys);

/* A new statement key from now on; the old public key stays in the JWK Set for keep_s seconds. */
cps_error keys_rotate(struct keys *keys, int64_t keep_s, struct fail *fail);

/* Compact JWS of payload, typ as given; the caller frees it. NULL when signing fails. */
char *keys_sign(struct keys *keys, const char *typ, const json_t *payload);

/* The public keys, RFC 7517. A new object. */
json_t *keys_jwks(struct keys *keys);

/* HMAC-SHA256 of a text, base64url; the caller frees it. */
char *keys_pseudonym(const struct keys *keys, const char *text);

#endif
