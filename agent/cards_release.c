/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody is at the desk, or the machine is about to sleep: the cards are given up, then back. */
#include "agent/cards_state.h"

#include "agent/pin_policy.h"
#include "base/log.h"
#include "base/util.h"

/* How long cards may take to forget before their cardops are ended all the same: logind waits for
 * five seconds by default. */
#define RELEASE_MAX_MS 2000

static void finish(struct cards *cards)
{
    void (*on_released)(void *user) = TAKE_PTR(cards->on_released);

    cards->release = sd_event_source_disable_unref(cards->release);
    backoff_done(&cards->backoff);
    cards->silence = sd_event_source_disable_unref(cards->silence);
    if (cards->watch != NULL)
        child_kill(cards->watch, "the card service is given up");
    child_free(TAKE_PTR(cards->watch));
    cards_set_pcsc(cards, PCSC_RELEASED);
    if (on_released != NULL)
        on_released(cards->released_user);
}

static int on_release(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    finish(user);
    return 0;
}

/* It may come in the middle of anything, such as the removal of that card: the loop does the rest.
 */
static void on_reset(void *user, json_t *result, const struct fail *fail)
{
    struct cards *cards = user;

    (void)result;
    (void)fail;
    if (--cards->resets == 0 && cards->release != NULL)
        (void)sd_event_source_set_time_relative(cards->release, 0);
}

void cards_reset(struct cards *cards)
{
    for (struct reader *reader = cards->readers; reader != NULL; reader = reader->next)
        if (reader->card != NULL)
            pin_forget(cards->agent, reader->card);
}

void cards_release(struct cards *cards, const struct fail *why, void (*done)(void *user),
                   void *user)
{
    uint64_t patience_ms;

    cards->away = true;
    cards->why = *why;
    cards->on_released = done;
    cards->released_user = user;
    pins_stop_all(cards->agent, why);
    for (struct reader *reader = cards->readers; reader != NULL; reader = reader->next)
        if (reader->card != NULL && card_state(reader->card) == CARD_READY) {
            card_call(reader->card, "logout", json_object(), -1, on_reset, cards);
            cards->resets++;
        }
    patience_ms = cards->resets > 0 ? RELEASE_MAX_MS : 0;
    if (sd_event_add_time_relative(cards->agent->event, &cards->release, CLOCK_BOOTTIME,
                                   patience_ms * 1000, 1000, on_release, cards) < 0)
        finish(cards);
}

void cards_resume(struct cards *cards)
{
    if (cards->release != NULL)
        finish(cards);
    cards->away = false;
    cards_set_pcsc(cards, PCSC_UNKNOWN);
    cards_start(cards);
}
