/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place that knows which cards have verified a PIN for us, and how long that may last:
 *
 *   each_use  one PIN, one use: the card is reset when the use is over, the next one asks again
 *   session   (default) until the card leaves, the clinician session closes, the desktop session
 *             is locked, left or suspended, and SESSION_MAX_S at the longest
 *   minutes   the same, and N minutes after it was typed at the longest
 *
 * Whoever needs the PIN says so with pin_need() and gives the use back with pin_use_end(): all who
 * wait share one question (but for each_use, where each has its own). A card that turns out to have
 * forgotten (reset by another program) is told with pin_use_again(): the user is asked, a PIN is
 * never replayed.
 */
#ifndef AGENT_PIN_POLICY_H
#define AGENT_PIN_POLICY_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/agent.h"
#include "agent/card.h"
#include "agent/pin_dialog.h"
#include "base/fail.h"

/* Uses under way at once on one card. */
#define PIN_USES_MAX 256

/* Minutes of the policy of that name. */
#define PIN_MINUTES_DEFAULT 15
#define PIN_MINUTES_MAX     240

struct pins;
struct pin_use;

/* NULL and fail: the configuration names no such policy. */
struct pins *pins_new(struct agent *agent, struct fail *fail);
void pins_free(struct pins *pins);

struct pin_need {
    struct pin_asker asker; /* copied */
    json_t *display;        /* of the program that asks, or NULL */
    bool interactive;       /* false: INTERACTION_REQUIRED rather than any question */
    bool fresh;             /* a PIN typed before this call will not do */
};

struct pin_use_class {
    /* The question is on the screen: as of struct pin_dialog_class. May be NULL. Must not end the
     * use. */
    void (*progress)(void *user, const char *state, int tries_left);
    /*
     * The card has verified the PIN (NULL): use it, then give the use back. Or why not: the use is
     * gone, nothing is to be given back; CARD_REMOVED comes while the card may still be touched.
     */
    void (*ready)(void *user, const struct fail *fail);
};

/*
 * Asks for the PIN of a card that is ready, if it must be asked. The functions are called later,
 * never before this returns. A card without any PIN is ready at once.
 */
struct pin_use *pin_need(struct agent *agent, struct card *card, const struct pin_need *need,
                         const struct pin_use_class *class, void *user);

/*
 * The card said PIN_REQUIRED to a use that was ready: it has been reset. The user is asked, and
 * ready is called again.
 */
void pin_use_again(struct pin_use *use);

/* The use is over, or nobody waits for it any more; its functions are not called. NULL is fine. */
void pin_use_end(struct pin_use *use);

/*
 * Runs the dialogue that changes or unblocks the PIN; class as for pin_dialog_start(), CARD_REMOVED
 * comes while the card may still be touched. CARD_BUSY: a question about this card is on the screen
 * already. Whatever the card had verified is forgotten afterwards.
 */
cps_error pin_change_start(struct agent *agent, struct card *card, enum pin_dialog_kind kind,
                           json_t *display, const struct pin_dialog_class *class, void *user,
                           struct fail *fail);

/* Takes its question away; done is not called. */
void pin_change_cancel(struct agent *agent, struct card *card);

/* The card is reset, in the background: its PIN is not verified any more. */
void pin_forget(struct agent *agent, struct card *card);

/* No card has a verified PIN any more (its owner resets it), and who waits for one gets this
 * reason.
 */
void pins_stop_all(struct agent *agent, const struct fail *why);

/* What becomes of cards: for agent/card.c. */
void pins_card_changed(struct agent *agent, struct card *card);
void pins_card_removed(struct agent *agent, struct card *card, const struct fail *fail);

/* For status: {"when": …, "minutes"?, "verified": [{"reader", "seconds_left"}]}. */
json_t *pins_json(const struct pins *pins);

#endif
