/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which program may use what of a card: the files policy.d/NAME.conf of the configuration, read in
 * the order of their names. The first section whose "program" matches the path of a program is its
 * rule; then the first section called [default]; then the built-in rule.
 *
 * A file with a mistake is refused as a whole: what it said before stays in force. One that never
 * was right may have been meant to forbid something: programs that no other file names then get
 * nothing, until it is corrected.
 */
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include <jansson.h>
#include <stdbool.h>

/* Files read, at most. */
#define POLICY_FILES_MAX 64

enum policy_data {
    POLICY_DATA_NONE,
    POLICY_DATA_PUBLIC, /* what the card gives to anybody */
    POLICY_DATA_ALL,    /* also what it gives after the PIN */
};

/* What one program may do with a card through PKCS#11. */
struct policy_rule {
    bool authentication;   /* use the authentication key */
    bool signature;        /* use the signature key; the user confirms each time */
    enum policy_data data; /* read data objects */
    bool ask_pin;          /* have the PIN asked when a key needs it; false: an error at once */
    bool login_required;   /* told that C_Login is needed before a key is used */
    bool proxy;            /* send requests to national APIs through the e-Santé proxy */
    bool typed_pin;        /* a PIN given to C_Login is dropped; false: refused */
};

struct policy;

/* directory is copied; one that does not exist holds no file. NULL when memory is short. */
struct policy *policy_new(const char *directory);
void policy_free(struct policy *policy);

/* Reads the files again. */
void policy_reload(struct policy *policy);

/* The rule of that program; path NULL: one that cannot be told. Borrowed until the next reload. */
const struct policy_rule *policy_for(const struct policy *policy, const char *path);

/* {files: n, refused: [{file, error}]} */
json_t *policy_json(const struct policy *policy);

#endif
