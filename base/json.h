/* SPDX-License-Identifier: Apache-2.0 */
/* Strict reading of JSON that comes from outside, and typed access to its members. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Deepest nesting accepted from outside. */
#define JSON_DEPTH_MAX 16

/* From now on jansson wipes what it frees: for processes whose packets carry tokens. Once, before
 * anything else of it. */
void json_wipe_freed(void);

/*
 * Parses one JSON text: UTF-8, no duplicate member, no NUL inside strings, nothing after it but
 * white space, at most JSON_DEPTH_MAX levels. NULL when it is anything else. The caller owns it.
 */
json_t *json_parse_strict(const char *text, size_t len);

/* The member of that type, or NULL (false, the default) when absent or of another type. Borrowed.
 */
const char *json_get_string(const json_t *object, const char *key);
json_t *json_get_object(const json_t *object, const char *key);
json_t *json_get_array(const json_t *object, const char *key);
bool json_get_bool(const json_t *object, const char *key, bool otherwise);
int64_t json_get_int(const json_t *object, const char *key, int64_t otherwise);

#endif
