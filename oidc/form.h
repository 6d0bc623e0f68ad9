/* SPDX-License-Identifier: Apache-2.0 */
/*
 * application/x-www-form-urlencoded, both ways. Written: unreserved characters (RFC 3986: letters,
 * digits, "-._~") stay as they are, all else is %XX, space included: some providers take Basic
 * credentials literally, so nothing is escaped that need not be.
 */
#ifndef OIDC_FORM_H
#define OIDC_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oidc/buffer.h"

/* Largest form or query string, written or read. */
#define FORM_MAX 16384

/* Appends one text, escaped. */
bool form_escape(struct buffer *buffer, const char *text);

/* Appends "name=value" with "&" in front unless the buffer is empty or ends with "?" or "&". */
bool form_add(struct buffer *buffer, const char *name, const char *value);
bool form_add_int(struct buffer *buffer, const char *name, int64_t value);

/*
 * The value of one parameter of a query string, unescaped, to be freed with wipe_free. Returns 1;
 * 0 when it is absent; -1 when it is there twice or badly escaped, holds a NUL or is too long.
 */
int form_find(const char *query, const char *name, size_t max, char **ret_value);

#endif
