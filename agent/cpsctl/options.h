/* SPDX-License-Identifier: Apache-2.0 */
/* Options of a command, straight into the parameters of a call. */
#ifndef CPSCTL_OPTIONS_H
#define CPSCTL_OPTIONS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct option_row {
    const char *name;  /* with its dashes */
    const char *param; /* member set in the parameters */
    enum {
        OPTION_TEXT,   /* takes an argument, a string */
        OPTION_NUMBER, /* takes an argument, a number from 0 on */
        OPTION_TRUE,   /* takes none: the member is true */
        OPTION_FIXED,  /* takes none: the member is the text of "value" */
    } kind;
    const char *value;
};

/*
 * Reads all arguments; a name may be followed by "=value" or by its value. rows ends with a NULL
 * name. NULL, with the reason printed, when an argument is not among them or lacks its value.
 */
json_t *options_read(const struct option_row *rows, int argc, char **argv);

/* The same, but one argument may be a plain word, given in *ret_word (NULL when there is none). */
json_t *options_read_word(const struct option_row *rows, int argc, char **argv,
                          const char **ret_word);

/* The number, from 1 on, that such a word is; 0 when it is none. */
int64_t options_number(const char *word);

#endif
