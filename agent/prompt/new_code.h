/* SPDX-License-Identifier: Apache-2.0 */
/* A code to replace another: what it may be, and how it is asked. */
#ifndef PROMPT_NEW_CODE_H
#define PROMPT_NEW_CODE_H

#include <stdbool.h>

#include "agent/prompt/pinentry.h"

enum new_code { NEW_CODE_FINE, NEW_CODE_FORM, NEW_CODE_SAME, NEW_CODE_WEAK };

/*
 * Whether a code may replace the current one. digits: how many it must have exactly; 0: any
 * characters. WEAK: one digit repeated (0000), a run (1234, 0987) or a pair repeated (1212).
 */
enum new_code new_code_check(const struct secret *code, const struct secret *current,
                             unsigned digits);

/* The words of the questions, all borrowed. */
struct new_code_texts {
    const char *current; /* label of the code that is replaced, or of the PUK */
    const char *new;
    const char *repeat;
    const char *mismatch;
    const char *same;
    const char *weak;
    const char *form;
};

/* So many in a row, and nobody is choosing: a pinentry that answers by itself would be asked for
 * ever. */
#define NEW_CODE_REFUSED_MAX 10

/*
 * Asks for the current code, then for the new one twice, again until it may be the new one.
 * question: what all have in common; its error is that of the first question. Errors are those of
 * pinentry_pin(), and CPS_PROMPT_CANCELLED after NEW_CODE_REFUSED_MAX refusals.
 */
cps_error new_code_ask(const struct question *question, const struct new_code_texts *texts,
                       unsigned digits, struct secret *current, struct secret *new_code,
                       struct fail *fail);

#endif
