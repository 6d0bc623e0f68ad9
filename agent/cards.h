/* SPDX-License-Identifier: Apache-2.0 */
/* The readers that cardwatch sees, and the card in each. */
#ifndef AGENT_CARDS_H
#define AGENT_CARDS_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/request.h"
#include "base/fail.h"

#define READERS_MAX 16

struct cards;

struct cards *cards_new(struct agent *agent);
void cards_free(struct cards *cards);

/* Starts watching: one process, restarted for ever with back-off. */
void cards_start(struct cards *cards);

/*
 * False: the agent or the card service has just started, and it is not known yet which cards are
 * there. logins_known() is called when it is, soon.
 */
bool cards_known(struct agent *agent);

/*
 * When the agent or the card service has just started, keeps a request until it is known which
 * cards are there; resume then serves it. False: it is known, serve it now.
 */
bool cards_settle(struct cards *cards, struct request *request,
                  void (*resume)(struct agent *agent, struct request *request));

/*
 * The card in that reader or, reader being NULL, the best card there is: a ready one before one
 * that is being read, before a ready one without PIN, before any other. NULL and fail: no reader,
 * no card, or no card service.
 */
struct card *cards_pick(const struct cards *cards, const char *reader, struct fail *fail);

/* Resets the card in that reader, in the background: its PIN is not verified any more. */
void cards_logout(struct cards *cards, const char *reader);

/* Some card is being read. */
bool cards_reading(const struct cards *cards);

/* A card that is in its reader is not the one that it was taken for: as if it had been exchanged.
 */
void cards_replace(struct cards *cards, const struct card *card);

/* Resets every card, in the background. */
void cards_reset(struct cards *cards);

/*
 * Gives the cards up, for this reason: questions end, cards are reset, then all that is connected
 * to the card service is stopped and done is called. cards_pick() gives the reason from now on.
 */
void cards_release(struct cards *cards, const struct fail *why, void (*done)(void *user),
                   void *user);

/* Back again: the card service is watched, and cards are read anew. */
void cards_resume(struct cards *cards);

/* As the API shows them. */
json_t *cards_readers_json(const struct cards *cards);
json_t *cards_list_json(const struct cards *cards);
json_t *cards_pcsc_json(const struct cards *cards);
const char *cards_watch_state(const struct cards *cards);

/* Tells the subscribers of "card" what happened to a card. */
void cards_publish(struct agent *agent, const char *change, const struct card *card);

#endif
