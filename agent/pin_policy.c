/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/pin_policy.h"

#include <stdlib.h>
#include <string.h>

#include "agent/pin_card.h"
#include "agent/session.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"

static const char *const policy_names[PIN_POLICIES] = {
    [PIN_EACH_USE] = "each_use", [PIN_SESSION] = "session", [PIN_MINUTES] = "minutes"};

struct pin_card *pin_card_find(const struct pins *pins, const struct card *card)
{
    for (struct pin_card *self = pins != NULL ? pins->cards : NULL; self != NULL; self = self->next)
        if (self->card == card)
            return self;
    return NULL;
}

struct pin_card *pin_card_find_or_add(struct pins *pins, struct card *card)
{
    struct pin_card *self = pin_card_find(pins, card);

    if (self != NULL)
        return self;
    self = calloc(1, sizeof *self);
    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    self->pins = pins;
    self->card = card;
    TAILQ_INIT(&self->uses);
    self->next = pins->cards;
    pins->cards = self;
    return self;
}

void pin_card_unverify(struct pin_card *self)
{
    self->verified = false;
    self->timer = sd_event_source_disable_unref(self->timer);
}

static void log_out(struct card *card)
{
    if (card_state(card) == CARD_READY)
        card_call(card, "logout", json_object(), -1, NULL, NULL);
}

void pin_card_reset(struct pin_card *self)
{
    pin_card_unverify(self);
    log_out(self->card);
}

static int on_expired(sd_event_source *source, uint64_t usec, void *user)
{
    struct pin_card *self = user;

    (void)source;
    (void)usec;
    log_info("the PIN of the card in %s is forgotten: its time is over", card_reader(self->card));
    pin_card_reset(self);
    return 0;
}

void pin_card_verified(struct pin_card *self)
{
    pin_card_unverify(self);
    self->verified = true;
    self->verifications++;
    self->until_ms = clock_boot_ms() + self->pins->lifetime_s * 1000;
    if (sd_event_add_time(self->pins->agent->event, &self->timer, CLOCK_BOOTTIME,
                          (uint64_t)self->until_ms * 1000, 1000000, on_expired, self) < 0)
        pin_card_reset(self); /* better forgotten at once than never */
}

static void on_change_progress(void *user, const char *state, int tries_left)
{
    const struct pin_card *self = user;

    self->changer->progress(self->changer_user, state, tries_left);
}

/* Back to where nothing is verified, and to those who came meanwhile. */
static void change_over(struct pin_card *self)
{
    self->changer = NULL;
    pin_card_reset(self);
    pin_uses_serve(self);
}

static void on_changed(void *user, const struct fail *fail)
{
    struct pin_card *self = user;
    const struct pin_dialog_class *changer = self->changer;
    void *changer_user = self->changer_user;

    self->dialog = NULL;
    change_over(self);
    changer->done(changer_user, fail);
}

static const struct pin_dialog_class change_class = {on_change_progress, on_changed};

cps_error pin_change_start(struct agent *agent, struct card *card, enum pin_dialog_kind kind,
                           json_t *display, const struct pin_dialog_class *class, void *user,
                           struct fail *fail)
{
    static const struct pin_asker asker = {.purpose = PIN_FOR_CHANGE};
    struct pin_card *self = pin_card_find_or_add(agent->pins, card);

    if (self->dialog != NULL)
        return fail_set(fail, CPS_CARD_BUSY, "a question about this card is on the screen");
    self->changer = class;
    self->changer_user = user;
    self->dialog = pin_dialog_start(agent, card, kind, &asker, display, &change_class, self);
    return CPS_OK;
}

void pin_change_cancel(struct agent *agent, struct card *card)
{
    struct pin_card *self = pin_card_find(agent->pins, card);

    if (self == NULL || self->changer == NULL)
        return;
    pin_dialog_cancel(TAKE_PTR(self->dialog));
    change_over(self); /* the codes may have been on their way to the card */
}

void pin_forget(struct agent *agent, struct card *card)
{
    struct pin_card *self = pin_card_find(agent->pins, card);

    if (self != NULL)
        pin_card_unverify(self);
    log_out(card);
}

/* The question under way, if any, ends; whoever waits for it or for a change gets this reason. */
static void stop(struct pin_card *self, const struct fail *why)
{
    const struct pin_dialog_class *changer = TAKE_PTR(self->changer);

    pin_dialog_cancel(TAKE_PTR(self->dialog));
    self->question = NULL;
    pin_uses_refuse(self, why);
    if (changer != NULL)
        changer->done(self->changer_user, why);
}

void pins_stop_all(struct agent *agent, const struct fail *why)
{
    for (struct pin_card *self = agent->pins->cards; self != NULL; self = self->next) {
        pin_card_unverify(self);
        stop(self, why);
    }
}

/* Another cardop knows nothing of what this one had verified. */
void pins_card_changed(struct agent *agent, struct card *card)
{
    struct pin_card *self = pin_card_find(agent->pins, card);
    struct fail why;

    if (self == NULL || card_state(card) == CARD_READY)
        return;
    why = *card_fail(card);
    pin_card_unverify(self);
    stop(self, &why);
}

void pins_card_removed(struct agent *agent, struct card *card, const struct fail *fail)
{
    struct pin_card *self = pin_card_find(agent->pins, card);

    if (self == NULL)
        return;
    for (struct pin_card **at = &agent->pins->cards; *at != NULL; at = &(*at)->next)
        if (*at == self) {
            *at = self->next;
            break;
        }
    pin_card_unverify(self);
    stop(self, fail);
    pin_uses_drop(self, fail);
    free(self);
}

/* settings_check() has seen the name. */
static enum pin_policy policy_named(const char *name)
{
    enum pin_policy policy = PIN_EACH_USE;

    while (policy + 1 < PIN_POLICIES && strcmp(policy_names[policy], name) != 0)
        policy++;
    return policy;
}

struct pins *pins_new(struct agent *agent, struct fail *fail)
{
    const char *name = config_string(agent->config, "pin", "policy", policy_names[PIN_SESSION]);
    enum pin_policy policy = policy_named(name);
    struct pins *pins = calloc(1, sizeof *pins);

    if (pins == NULL) {
        fail_set(fail, CPS_INTERNAL, "out of memory");
        return NULL;
    }
    pins->agent = agent;
    pins->policy = policy;
    pins->lifetime_s = SESSION_MAX_S;
    if (policy == PIN_MINUTES)
        pins->lifetime_s = 60 * config_int(agent->config, "pin", "minutes", PIN_MINUTES_DEFAULT);
    return pins;
}

/* The cards are gone before: with each went what is known of it. */
void pins_free(struct pins *pins)
{
    free(pins);
}

json_t *pins_json(const struct pins *pins)
{
    json_t *list = json_array();
    json_t *json;

    for (const struct pin_card *self = pins->cards; self != NULL; self = self->next)
        if (self->verified)
            json_array_append_new(list,
                                  json_pack("{s:s, s:i}", "reader", card_reader(self->card),
                                            "seconds_left", clock_left_ms(self->until_ms) / 1000));
    json = json_pack("{s:s, s:o}", "when", policy_names[pins->policy], "verified", list);
    if (pins->policy == PIN_MINUTES)
        json_object_set_new(json, "minutes", json_integer(pins->lifetime_s / 60));
    return json;
}
