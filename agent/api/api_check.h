/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods of the socket API and the form of their parameters. The table is made at build time
 * by tools/gen_api.py from docs/api/cps-agent.openrpc.json: nothing is described twice.
 */
#ifndef AGENT_API_CHECK_H
#define AGENT_API_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api_methods.h" /* generated: enum api_method_id, one value a method */
#include "base/fail.h"

enum api_type {
    API_STRING,
    API_INTEGER,
    API_BOOLEAN,
    API_OBJECT,
    API_STRINGS, /* array of strings, each at most once */
    API_ID,      /* JSON-RPC id: string or integer */
};

/* The patterns of the interface file, by name. */
enum api_chars {
    API_CHARS_ANY,
    API_CHARS_TEXT,        /* no control character */
    API_CHARS_VISIBLE,     /* visible ASCII, no space */
    API_CHARS_PROFILE,     /* a-z 0-9 -, the first is not - */
    API_CHARS_NATIONAL_ID, /* ASCII letters and digits, / */
};

struct api_param {
    const char *name;
    enum api_type type;
    bool required;
    enum api_chars chars;      /* API_STRING */
    int64_t min;               /* API_INTEGER: value; API_STRING: characters */
    int64_t max;               /* the same; API_STRINGS: number of items */
    const char *const *values; /* API_STRING, API_STRINGS: NULL, or the only ones, NULL-ended */
    const struct api_param *params; /* API_OBJECT: members, ended by a NULL name */
    const char *default_text;       /* NULL when there is none */
    int64_t default_int;
};

struct api_method {
    enum api_method_id id;
    const char *name;
    const struct api_param *params; /* ended by a NULL name; the common ones included */
    int64_t default_deadline_ms;
    bool interactive; /* may ask the user something */
};

/* Indexed by enum api_method_id; API_METHOD_COUNT entries. */
extern const struct api_method api_methods[];

/* Their names as a JSON array. */
extern const char api_features[];

/* NULL when there is no such method. */
const struct api_method *api_find(const char *name);

/*
 * Checks the parameters of a call; params may be NULL (none given). CPS_INVALID_PARAMS names the
 * parameter in fail->reason ("params" when it is not an object, "unknown" for a foreign name).
 */
cps_error api_check(const struct api_method *method, const json_t *params, struct fail *fail);

/*
 * A checked parameter or its default: NULL, respectively 0, when it is absent and has none.
 */
const char *api_string(const struct api_method *method, const json_t *params, const char *name);
int64_t api_int(const struct api_method *method, const json_t *params, const char *name);

#endif
