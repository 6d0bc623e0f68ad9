/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of agent/pin_policy.h: what its files share. Others use that one. */
#ifndef AGENT_PIN_CARD_H
#define AGENT_PIN_CARD_H

#include <sys/queue.h>

#include "agent/pin_policy.h"

enum pin_policy { PIN_EACH_USE, PIN_SESSION, PIN_MINUTES, PIN_POLICIES };

/* READY and FAILED: the owner is told so at the next turn of the loop, then they are TOLD or gone.
 */
enum pin_use_state { PIN_USE_WAITING, PIN_USE_READY, PIN_USE_FAILED, PIN_USE_TOLD };

struct pin_use {
    struct agent *agent;
    TAILQ_ENTRY(pin_use) entry;
    struct pin_card *card; /* NULL: the card is gone */
    enum pin_use_state state;
    struct pin_need need;
    char *program;  /* of need */
    unsigned grant; /* the verification it lives on */
    struct fail fail;
    sd_event_source *tell;
    const struct pin_use_class *class;
    void *user;
};

/* What is known of one card; made with its first use, gone with the card. */
struct pin_card {
    struct pin_card *next;
    struct pins *pins;
    struct card *card;
    bool verified;
    unsigned verifications;
    int64_t until_ms; /* boot time: when it is forgotten */
    sd_event_source *timer;
    struct pin_dialog *dialog;
    const char *question; /* its last progress, or NULL */
    int tries_left;
    const struct pin_dialog_class *changer; /* the dialogue is theirs, it changes the PIN */
    void *changer_user;
    TAILQ_HEAD(pin_uses, pin_use) uses; /* in the order they came */
    unsigned n_uses;
};

struct pins {
    struct agent *agent;
    enum pin_policy policy;
    int64_t lifetime_s; /* of a verified PIN */
    struct pin_card *cards;
};

/* NULL when nothing was ever asked of that card. */
struct pin_card *pin_card_find(const struct pins *pins, const struct card *card);
struct pin_card *pin_card_find_or_add(struct pins *pins, struct card *card);

void pin_card_unverify(struct pin_card *self);

/* Real logout: a reset is the only thing that makes a card forget. */
void pin_card_reset(struct pin_card *self);

/* The card has just verified a PIN. */
void pin_card_verified(struct pin_card *self);

/* Whoever waits is served, or the question is on the screen when this returns. */
void pin_uses_serve(struct pin_card *self);

/* Those who wait get this reason. */
void pin_uses_refuse(struct pin_card *self, const struct fail *fail);

/* The card is going: all are told at once who were not told yet. */
void pin_uses_drop(struct pin_card *self, const struct fail *fail);

#endif
