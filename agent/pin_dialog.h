/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conversation about a code of one card, from its tries to the card's answer: the tries are
 * read, the last one is confirmed by the user, the code is asked (by cps-prompt, or typed on the
 * reader's own keys), the card is asked, and a wrong code is asked again. The codes go by pipe from
 * cps-prompt to cps-cardop. One such conversation a card at a time: agent/pin_policy.h sees to it.
 */
#ifndef AGENT_PIN_DIALOG_H
#define AGENT_PIN_DIALOG_H

#include <jansson.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/prompt_text.h"
#include "base/fail.h"

enum pin_dialog_kind {
    PIN_DIALOG_VERIFY,
    PIN_DIALOG_CHANGE,  /* the PIN, then a new one */
    PIN_DIALOG_UNBLOCK, /* the PUK, then a new PIN */
};

struct pin_dialog;

struct pin_dialog_class {
    /* Where it is: "last_try", "pin", "puk" or "pin_pad"; tries_left: -1, the card does not tell.
     */
    void (*progress)(void *user, const char *state, int tries_left);
    /* The card did it (NULL), or why not. The dialogue is gone. */
    void (*done)(void *user, const struct fail *fail);
};

/*
 * Starts one with a card that is ready; asker (copied) says in the question who wants the code, and
 * display (or NULL) where to ask. Neither function is called before this returns.
 */
struct pin_dialog *pin_dialog_start(struct agent *agent, struct card *card,
                                    enum pin_dialog_kind kind, const struct pin_asker *asker,
                                    json_t *display, const struct pin_dialog_class *class,
                                    void *user);

/* Takes the question away; done is not called. NULL is fine. */
void pin_dialog_cancel(struct pin_dialog *dialog);

#endif
