/* SPDX-License-Identifier: Apache-2.0 */
/* The sessions of the program; handles never come back. */
#ifndef PROVIDER_SESSION_H
#define PROVIDER_SESSION_H

#include <p11-kit/pkcs11.h>
#include <stdbool.h>
#include <stddef.h>

#include "pkcs11/provider/digest.h"

#define SESSIONS_MAX 256

/* Longest input that is signed as it is. */
#define SIGN_INPUT_MAX 512

enum operation { OPERATION_NONE, OPERATION_SIGN, OPERATION_DECRYPT };

struct session {
    CK_SESSION_HANDLE handle;
    CK_SLOT_ID slot;
    CK_FLAGS flags;
    unsigned long insertion; /* of the token that it was opened on */
    bool busy;               /* a thread waits for the agent on its behalf */

    bool finding;
    CK_OBJECT_HANDLE *found;
    size_t n_found, at_found;

    enum operation operation;
    bool in_parts; /* C_SignUpdate was called */
    CK_MECHANISM_TYPE mechanism;
    CK_OBJECT_HANDLE key;
    const char *hash; /* of PSS: "sha256"… */
    unsigned char input[SIGN_INPUT_MAX];
    size_t input_len;
    struct digest digest; /* when the card does the last round */

    /* The last value read of a data object, or what was decrypted: asked for in two calls. */
    CK_OBJECT_HANDLE value_of;
    unsigned char *value;
    size_t value_len;
};

struct sessions {
    struct session *list[SESSIONS_MAX];
    CK_SESSION_HANDLE last;
};

/* NULL: too many, or memory is short. */
struct session *session_new(struct sessions *sessions, CK_SLOT_ID slot, unsigned long insertion,
                            CK_FLAGS flags);
struct session *session_find(const struct sessions *sessions, CK_SESSION_HANDLE handle);
void session_free(struct sessions *sessions, struct session *session);

/* All of a slot. */
void sessions_close(struct sessions *sessions, CK_SLOT_ID slot);

/* How many sessions a slot has, how many of them for writing. */
void sessions_count(const struct sessions *sessions, CK_SLOT_ID slot, CK_ULONG *ret_all,
                    CK_ULONG *ret_writing);

/* What was under way is over. */
void session_reset(struct session *session);

/* Keeps a value, wiping the one before; it is taken over. */
void session_keep(struct session *session, CK_OBJECT_HANDLE of, unsigned char *value, size_t len);

#endif
