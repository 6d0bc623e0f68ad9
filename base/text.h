/* SPDX-License-Identifier: Apache-2.0 */
/* Short texts from outside (names on cards, in certificates) that will be shown to people. */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * A new JSON string of these bytes without the white space and the filling (NUL, FF) around them.
 * NULL when nothing is left, when it is not UTF-8, when it is longer than max bytes, and when it
 * holds what has no honest use on a screen or in a log: control characters, line separators, marks
 * that turn the direction of writing.
 */
json_t *text_from_outside(const void *bytes, size_t len, size_t max);

/* Whether a string is what text_from_outside() could have given. */
bool text_is_plain(const char *text, size_t max);

#endif
