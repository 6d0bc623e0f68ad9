/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What cardop said is worth knowing of cards seen since the agent started, so that one that comes
 * back shows at once whose it is. Public files of the card, in memory only; its first signature
 * proves them.
 */
#ifndef AGENT_CARD_MEMORY_H
#define AGENT_CARD_MEMORY_H

#include <jansson.h>
#include <stdbool.h>

/* A shared terminal sees many cards; the one not seen for longest makes room. */
#define CARD_MEMORY_CARDS_MAX 64
#define CARD_MEMORY_TEXT_MAX  32768

struct card_memory;

struct card_memory *card_memory_new(void);
void card_memory_free(struct card_memory *memory);

bool card_memory_is_empty(const struct card_memory *memory);

/* info: an answer to "open", brief or not, with "serial" and "atr". NULL: not known. Borrowed. */
const char *card_memory_find(const struct card_memory *memory, const json_t *info);

/* text: "memory" of cardop; NULL, or too long: not kept. */
void card_memory_keep(struct card_memory *memory, const json_t *info, const char *text);
void card_memory_forget(struct card_memory *memory, const json_t *info);

#endif
