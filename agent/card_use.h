/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program uses a key or an object of a card: the user confirms it where that is the rule, the PIN
 * is asked where it is needed, then the card does it. Uses of one card are served in the order in
 * which they are ready for it; whoever gives up, or is gone, leaves the queue.
 */
#ifndef AGENT_CARD_USE_H
#define AGENT_CARD_USE_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/prompt_text.h"
#include "agent/request.h"

struct card_use_what {
    const char *op;     /* of cps-cardop (base/proto.h): static; NULL: only the PIN is wanted */
    const char *member; /* of its answer that the program is given, a text; NULL: none. Static */
    enum pin_purpose purpose;
    bool confirm; /* the user is asked first, each time */
    bool pin;     /* it is behind the PIN */
    bool ask_pin; /* the PIN may be asked; false: INTERACTION_REQUIRED instead */
};

/* Answers the request, later. params, of the op, is stolen. */
void card_use(struct agent *agent, struct request *request, struct card *card,
              const struct card_use_what *what, json_t *params);

/* The card is gone, and why: those who wait for it are told. */
void card_uses_removed(const struct card *card, const struct fail *fail);

#endif
