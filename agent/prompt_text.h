/* SPDX-License-Identifier: Apache-2.0 */
/* The words of the questions, in the language of the display: French unless it says otherwise. */
#ifndef AGENT_PROMPT_TEXT_H
#define AGENT_PROMPT_TEXT_H

#include <cps/error.h>
#include <jansson.h>

/*
 * Params of the op "pin" (base/proto.h). display: of the caller, or NULL. holder: of the card.
 * last_error: CPS_OK the first time, else why the PIN is asked again.
 */
json_t *prompt_text_pin(const json_t *display, const json_t *holder, const char *reader,
                        int tries_left, cps_error last_error);

/* Params of the op "confirm" for the last try. */
json_t *prompt_text_last_try(const json_t *display);

#endif
