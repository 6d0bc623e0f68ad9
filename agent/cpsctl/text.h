/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: language, times, and lines that nothing from outside can forge. */
#ifndef CPSCTL_TEXT_H
#define CPSCTL_TEXT_H

#include <cps/error.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/*
 * Chooses the language: LANGUAGE, LC_ALL, LC_MESSAGES, LANG, as gettext does; French when none says
 * otherwise. Catalogues are in ../share/locale beside the program's own directory.
 */
void text_init(void);

/* True when messages come out in English. */
bool text_is_english(void);

/* Prints a line; control characters of its arguments come out as '?'. */
void text_line(FILE *stream, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The value as JSON on standard output, indented, and flushed. */
void text_json(const json_t *value);

/*
 * The exit status once all is written: status, or EXIT_FAILED with a message when standard output
 * did not take it. Half an answer must not pass for a whole one.
 */
int text_finish(int status);

/* A word of the API or of a file, and what people say: a French msgid. {0} ends a table. */
struct text_word {
    const char *word;
    const char *text;
};

/* What people say. A word that is not in the table is given back: a newer agent may have said it.
 */
const char *text_word(const struct text_word *words, const char *word);

/* The message of an error; NULL for what is none, and the word itself for one of a newer agent. */
const char *text_error(const char *name);

/* The message and what to do about it, on two indented lines. */
void text_advise(cps_error error);

/* Local time of day, with the date when it is not today's. The buffer is the caller's. */
#define TEXT_TIME_LEN 32
const char *text_time(int64_t seconds, char buffer[TEXT_TIME_LEN]);

/* Local date. */
const char *text_date(int64_t seconds, char buffer[TEXT_TIME_LEN]);

#endif
