/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two secrets of the station, created at first start and kept in the state directory, mode
 * 0600: the key that signs statements (ES256), and the one that turns serial numbers into
 * pseudonyms. Files that others could read or write are refused.
 */
#ifndef AGENT_KEYS_H
#define AGENT_KEYS_H

#include <jansson.h>

#include "agent/state_store.h"
#include "base/fail.h"

#define KEYS_STATEMENT_FILE "statement-key.pem"
#define KEYS_PSEUDONYM_FILE "pseudonym-key"

struct keys;

/* Loads or creates both; the directory is created, mode 0700. NULL and CPS_STORAGE otherwise. */
struct keys *keys_new(const char *state_dir, struct fail *fail);
void keys_free(struct keys *keys);

/*
 * Makes a new statement key, which is the one in use when it is on disk; the old public key stays
 * in the JWK Set for keep_s seconds then. done is told, later and once: on failure nothing has
 * changed. CPS_TOO_MANY_REQUESTS: a new key is being written already.
 */
typedef void keys_rotated(void *user, const struct fail *fail);
cps_error keys_rotate(struct keys *keys, struct state_store *store, int64_t keep_s,
                      keys_rotated *done, void *user, struct fail *fail);

/* It is too late for a new key: the one in use stays, on disk too, and done is not called. */
void keys_rotate_cancel(struct keys *keys);

/* Compact JWS of payload, typ as given; the caller frees it. NULL when signing fails. */
char *keys_sign(struct keys *keys, const char *typ, const json_t *payload);

/* The public keys, RFC 7517. A new object. */
json_t *keys_jwks(struct keys *keys);

/* HMAC-SHA256 of a text, base64url; the caller frees it. */
char *keys_pseudonym(const struct keys *keys, const char *text);

#endif
