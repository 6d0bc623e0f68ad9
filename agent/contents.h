/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cards offer to PKCS#11 programs: their keys, certificates and data objects by name. All
 * of it is read once per insertion, in the background, from the moment when a first program asked;
 * then served from memory.
 */
#ifndef AGENT_CONTENTS_H
#define AGENT_CONTENTS_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/policy.h"

/* Slots that PKCS#11 programs see; a reader that has held a card keeps its slot while it can. */
#define CONTENTS_SLOTS 4

struct contents;

struct contents *contents_new(struct agent *agent);
void contents_free(struct contents *contents);

/* A card is ready, or is no more; it is gone. */
void contents_card_changed(struct agent *agent, struct card *card);
void contents_card_removed(struct agent *agent, const struct card *card);

/* A program wants to know: has what is not known yet read. */
void contents_want(struct contents *contents);

/* Something is being read. */
bool contents_reading(const struct contents *contents);

/* Called when that may have ended. The function must not call contents_want(). */
void contents_on_change(struct contents *contents, void (*changed)(void *user), void *user);

/* The tokens as "pkcs11.tokens" shows them under that rule. A new array. */
json_t *contents_tokens(struct contents *contents, const struct policy_terms *rule);

/* The card that is ready and has that card_id; NULL and CPS_CARD_REMOVED: none any more. */
struct card *contents_find(const struct contents *contents, const char *card_id, struct fail *fail);

/* Whether the card has a data object of that name, and whether it is behind the PIN. */
bool contents_object(const struct contents *contents, const struct card *card, const char *label,
                     bool *ret_private);

#endif
