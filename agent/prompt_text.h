/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the questions, in the language of the display: French unless it says otherwise. */
#ifndef AGENT_PROMPT_TEXT_H
#define AGENT_PROMPT_TEXT_H

#include <cps/error.h>
#include <jansson.h>
#include <stdbool.h>

/* Why a code of the card is wanted. */
enum pin_purpose {
    PIN_FOR_LOGIN,          /* the clinician session */
    PIN_FOR_AUTHENTICATION, /* a program uses the authentication key */
    PIN_FOR_SIGNATURE,      /* a program uses the signature key */
    PIN_FOR_DATA,           /* a program decrypts, or reads what the card holds */
    PIN_FOR_STATEMENT,      /* the card counter-signs a login statement */
    PIN_FOR_CHANGE,         /* the user changes or unblocks it */
};

struct pin_asker {
    enum pin_purpose purpose;
    const char *program; /* its name for people, or NULL */
};

/* The card a question is about. */
struct prompt_card {
    const json_t *holder; /* or NULL */
    const char *reader;
    int tries_left;       /* -1: the card does not tell */
    unsigned digits;      /* how many its PIN has; 0: not known */
    cps_error last_error; /* CPS_OK the first time, else why the code is asked again */
};

/* Params of the op "pin" (base/proto.h). display: of the caller, or NULL. */
json_t *prompt_text_pin(const json_t *display, const struct pin_asker *asker,
                        const struct prompt_card *card);

/* Params of the op "change": the PIN and a new one, or the PUK and a new PIN. */
json_t *prompt_text_change(const json_t *display, const struct prompt_card *card, bool unblock);

/* Params of the op "message": the code is to be typed on the reader. */
json_t *prompt_text_pad(const json_t *display, const struct pin_asker *asker,
                        const struct prompt_card *card);

/* Params of the op "confirm" for the last try of the PIN, or of the PUK. */
json_t *prompt_text_last_try(const json_t *display, bool puk);

/*
 * Params of the op "confirm" for a signature with the card. program: path of the program that asks
 * for it, or NULL. holder: of the card.
 */
json_t *prompt_text_use(const json_t *display, const char *program, const json_t *holder);

#endif
