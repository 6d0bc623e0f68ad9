/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of agent/cards.h: what its files share. Others use that one. */
#ifndef AGENT_CARDS_STATE_H
#define AGENT_CARDS_STATE_H

#include "agent/backoff.h"
#include "agent/cards.h"
#include "agent/child.h"

struct reader {
    struct reader *next;
    char *name;
    int64_t events;
    bool present;
    struct card *card;
};

/* RELEASED: by ourselves. */
enum pcsc_state { PCSC_UNKNOWN, PCSC_UP, PCSC_DOWN, PCSC_REFUSED, PCSC_RELEASED };

/* A request that came before the cards were known. */
struct early {
    struct early *next;
    struct cards *cards;
    struct request *request;
    void (*resume)(struct agent *agent, struct request *request);
};

struct cards {
    struct agent *agent;
    struct child *watch;
    struct backoff backoff;
    sd_event_source *silence;
    bool settled; /* down, refused, or up and the cards that were there are known */
    struct early *early;
    sd_event_source *patience;
    enum pcsc_state pcsc;
    int64_t pcsc_since_s;
    struct reader *readers; /* oldest first */
    unsigned n_readers;
    bool away; /* nobody may use the cards, for this reason: */
    struct fail why;
    sd_event_source *release; /* until the card service has been given up */
    unsigned resets;          /* of cards, under way */
    void (*on_released)(void *user);
    void *released_user;
};

/* The card service is in that state: what it knew of readers and cards is worth nothing unless it
 * is up. */
void cards_set_pcsc(struct cards *cards, enum pcsc_state state);

#endif
