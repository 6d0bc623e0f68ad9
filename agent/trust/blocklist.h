/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may not log in on this machine, whatever their card says: a file of lines
 *
 *   card SERIAL         note…      serial number of the card, digits
 *   certificate SERIAL  note…      serial number of a certificate, hexadecimal
 *   person IDENTIFIER   note…      national identifier
 */
#ifndef TRUST_BLOCKLIST_H
#define TRUST_BLOCKLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"

#define BLOCKLIST_FILE "blocked.conf"
#define BLOCKLIST_MAX  20000

/* Longest identifier, and its NUL. */
#define BLOCKED_VALUE_SIZE 65

enum blocked_kind { BLOCKED_CARD, BLOCKED_CERTIFICATE, BLOCKED_PERSON, BLOCKED_KINDS };

struct blocked {
    enum blocked_kind kind;
    char value[BLOCKED_VALUE_SIZE];
    char *note; /* "" when there is none */
};

struct blocklist {
    struct blocked *entries; /* sorted */
    size_t n;
};

/*
 * Reads the file; one that does not exist blocks nobody. On CPS_CONFIGURATION *ret_list is set all
 * the same, to the lines that could be understood: it is for the caller to keep a better one.
 */
cps_error blocklist_read(const char *path, struct blocklist **ret_list, struct fail *fail);
void blocklist_free(struct blocklist *list);

/* The entry, or NULL. A value that is not of the kind's form is on no list. */
const struct blocked *blocklist_find(const struct blocklist *list, enum blocked_kind kind,
                                     const char *value);

const char *blocked_kind_name(enum blocked_kind kind);

/* "card", "certificate" or "person"; BLOCKED_KINDS for anything else. */
enum blocked_kind blocked_kind_of(const char *name);

/* The one form of a value: no leading zero of serials, the type digit of an RPPS number, upper
 * case. False: not of that kind. */
bool blocked_normal(enum blocked_kind kind, const char *text,
                    char ret_value[static BLOCKED_VALUE_SIZE]);

#endif
