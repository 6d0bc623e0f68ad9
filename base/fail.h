/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, as a value: a code, a short chain of causes, and the few details a caller can
 * act on. Causes are for people: never a PIN, a token, nor an identifier of a person.
 */
#ifndef BASE_FAIL_H
#define BASE_FAIL_H

#include <cps/error.h>
#include <jansson.h>
#include <stdint.h>

#define FAIL_CAUSES_MAX 4
#define FAIL_CAUSE_LEN  128
#define FAIL_REASON_LEN 32

struct fail {
    cps_error code;
    int tries_left;               /* PIN tries, or -1 when not known */
    int64_t retry_after_ms;       /* not before that time it may go well; 0: not known */
    char reason[FAIL_REASON_LEN]; /* machine-readable detail such as "iss", or "" */
    unsigned n_causes;
    char causes[FAIL_CAUSES_MAX][FAIL_CAUSE_LEN]; /* the first is the nearest to the origin */
};

#define FAIL_INIT                                                                                  \
    {                                                                                              \
        .code = CPS_OK, .tries_left = -1                                                           \
    }

/* Starts a new chain, whatever the fail held, and returns the code. */
cps_error fail_set(struct fail *fail, cps_error code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds a cause to the chain and returns its code. A full chain keeps its origin. */
cps_error fail_add(struct fail *fail, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same as fail_set with a machine-readable reason (letters, digits, '_'). */
cps_error fail_reason(struct fail *fail, cps_error code, const char *reason, const char *format,
                      ...) __attribute__((format(printf, 4, 5)));

/* As carried in packets: {"code":…, "causes":[…], "tries_left":…, "retry_after_ms":…,
 * "reason":…}. */
json_t *fail_to_json(const struct fail *fail);

/* Reads it back; anything malformed gives CPS_INTERNAL. */
void fail_from_json(struct fail *ret_fail, const json_t *json);

/* "NAME: cause; cause" for a log line. Always terminated. */
void fail_describe(const struct fail *fail, char *text, size_t size);

#endif
