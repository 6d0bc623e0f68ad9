/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists that administrators keep: UTF-8 text, one entry a line, first a word or two that count,
 * then a free text. Empty lines and those that begin with '#' are comments.
 */
#ifndef TRUST_LINES_H
#define TRUST_LINES_H

#include <stddef.h>

#include "base/fail.h"

#define LINES_TEXT_MAX 512
#define LINES_FILE_MAX (4 * 1024 * 1024)

/* One line, without white space around it; the callee may cut it up. */
typedef cps_error lines_fn(void *user, char *line, struct fail *fail);

/*
 * Calls fn for each line that is no comment, to the end whatever some of them are worth, and
 * returns the first error, with file and line. A file that does not exist has no line.
 */
cps_error lines_read(const char *path, lines_fn *fn, void *user, struct fail *fail);

/* Cuts the first word off a text: returns it, and *text is what follows, "" at the end. */
char *lines_word(char **text);

/* True when a text may be the end of a line: UTF-8 without control character, not too long. */
int lines_valid_text(const char *text);

#endif
