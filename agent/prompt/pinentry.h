/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question asked through a pinentry program, spoken to with libassuan. The pinentry never
 * outlives the question: it dies with this process, with the deadline and with the channel.
 */
#ifndef PROMPT_PINENTRY_H
#define PROMPT_PINENTRY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"
#include "base/secret.h"

/* Texts are UTF-8; NULL leaves the pinentry's own. All borrowed. */
struct question {
    const char *program; /* path, or a name looked up in PATH */
    const char *title;
    const char *description;
    const char *prompt;
    const char *error;    /* why it is asked again */
    const char *repeat;   /* PIN: label of a second field for the same, in one dialogue */
    const char *mismatch; /* what a pinentry says when the two differ */
    const char *ok;
    const char *not_ok; /* a no that is another answer than cancelling */
    const char *cancel;
    int64_t timeout_ms;  /* for the user, told to the pinentry */
    int64_t deadline_ms; /* boot time: the answer to the agent is due */
    int channel;         /* the question is dropped when this descriptor hangs up; -1: none */
    const char *tty;
    const char *term;
    const char *lang;
};

/*
 * Asks for a PIN. Errors: PROMPT_CANCELLED, PROMPT_TIMEOUT, PROMPT_UNAVAILABLE (no program, no
 * screen or terminal), COMPONENT_FAILED (the pinentry crashed or spoke nonsense), PIN_INVALID
 * (an empty PIN: no try was used), CANCELLED (the channel hung up).
 */
cps_error pinentry_pin(const struct question *question, struct secret *pin, struct fail *fail);

/* The same for one that is to be typed twice; *ret_repeated: this pinentry has seen to it. */
cps_error pinentry_new_pin(const struct question *question, struct secret *pin, bool *ret_repeated,
                           struct fail *fail);

/*
 * Shows a text until the user closes it (PROMPT_CANCELLED), the time is over or the channel hangs
 * up: never CPS_OK.
 */
cps_error pinentry_message(const struct question *question, struct fail *fail);

/* Asks for a yes: cancelling is neither. The other errors are the same. */
cps_error pinentry_confirm(const struct question *question, bool *ret_confirmed, bool *ret_refused,
                           struct fail *fail);

#endif
