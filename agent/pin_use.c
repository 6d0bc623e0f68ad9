/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "agent/pin_card.h"
#include "base/util.h"

static void use_free(struct pin_use *use)
{
    if (use->card != NULL) {
        TAILQ_REMOVE(&use->card->uses, use, entry);
        use->card->n_uses--;
    }
    sd_event_source_disable_unref(use->tell);
    json_decref(use->need.display);
    free(use->program);
    free(use);
}

static void tell_failure(struct pin_use *use)
{
    const struct pin_use_class *class = use->class;
    void *user = use->user;
    struct fail fail = use->fail;

    use_free(use); /* before its owner hears of it, who may do anything */
    class->ready(user, &fail);
}

/* WAITING: it has joined a question that was on the screen. */
static void tell(struct pin_use *use)
{
    use->tell = sd_event_source_disable_unref(use->tell);
    switch (use->state) {
    case PIN_USE_WAITING:
        if (use->card->question != NULL && use->class->progress != NULL)
            use->class->progress(use->user, use->card->question, use->card->tries_left);
        break;
    case PIN_USE_READY:
        use->state = PIN_USE_TOLD;
        use->class->ready(use->user, NULL);
        break;
    case PIN_USE_FAILED:
        tell_failure(use);
        break;
    case PIN_USE_TOLD:
        break;
    }
}

/* The oldest use of the same card whose turn has come. */
static struct pin_use *first_to_tell(struct pin_use *use)
{
    struct pin_use *first;

    if (use->card != NULL)
        TAILQ_FOREACH (first, &use->card->uses, entry)
            if (first->tell != NULL)
                return first;
    return use;
}

/* The loop calls sources of one turn in any order: they exchange their turns, first come, first
 * told. */
static int on_tell(sd_event_source *source, void *user)
{
    struct pin_use *use = user;
    struct pin_use *first = first_to_tell(use);

    use->tell = first->tell;
    first->tell = source;
    sd_event_source_set_userdata(use->tell, use);
    sd_event_source_set_userdata(first->tell, first);
    tell(first);
    return 0;
}

static void tell_later(struct pin_use *use)
{
    if (use->tell == NULL && sd_event_add_defer(use->agent->event, &use->tell, on_tell, use) < 0)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
}

static void grant(struct pin_use *use)
{
    use->state = PIN_USE_READY;
    use->grant = use->card->verifications;
    tell_later(use);
}

static void refuse(struct pin_use *use, const struct fail *fail)
{
    use->state = PIN_USE_FAILED;
    use->fail = *fail;
    tell_later(use);
}

void pin_uses_refuse(struct pin_card *self, const struct fail *fail)
{
    struct pin_use *use;

    TAILQ_FOREACH (use, &self->uses, entry)
        if (use->state == PIN_USE_WAITING)
            refuse(use, fail);
}

static void on_progress(void *user, const char *state, int tries_left)
{
    struct pin_card *self = user;
    struct pin_use *use;

    self->question = state;
    self->tries_left = tries_left;
    TAILQ_FOREACH (use, &self->uses, entry)
        if (use->state == PIN_USE_WAITING && use->class->progress != NULL)
            use->class->progress(use->user, state, tries_left);
}

/* One PIN serves all who wait, or only the first of them. */
static void on_dialog_done(void *user, const struct fail *fail)
{
    struct pin_card *self = user;
    struct pin_use *use;

    self->dialog = NULL;
    self->question = NULL;
    if (fail == NULL)
        pin_card_verified(self);
    TAILQ_FOREACH (use, &self->uses, entry) {
        if (use->state != PIN_USE_WAITING)
            continue;
        if (fail != NULL)
            refuse(use, fail);
        else
            grant(use);
        if (self->pins->policy == PIN_EACH_USE)
            break;
    }
    pin_uses_serve(self);
}

static const struct pin_dialog_class dialog_class = {on_progress, on_dialog_done};

static bool in_use(const struct pin_card *self)
{
    const struct pin_use *use;

    TAILQ_FOREACH (use, &self->uses, entry)
        if (use->state == PIN_USE_READY || use->state == PIN_USE_TOLD)
            return true;
    return false;
}

/* Whether a PIN typed earlier is good enough. */
static bool is_served(const struct pin_card *self, const struct pin_need *need)
{
    if (!card_has_pin(self->card))
        return true;
    return self->verified && self->pins->policy != PIN_EACH_USE && !need->fresh;
}

static struct pin_use *first_waiting(const struct pin_card *self)
{
    struct pin_use *use;

    TAILQ_FOREACH (use, &self->uses, entry)
        if (use->state == PIN_USE_WAITING)
            return use;
    return NULL;
}

void pin_uses_serve(struct pin_card *self)
{
    struct pin_use *use;

    TAILQ_FOREACH (use, &self->uses, entry)
        if (use->state == PIN_USE_WAITING && is_served(self, &use->need))
            grant(use);
    use = first_waiting(self);
    if (use == NULL || self->dialog != NULL || (self->pins->policy == PIN_EACH_USE && in_use(self)))
        return;
    self->dialog = pin_dialog_start(self->pins->agent, self->card, PIN_DIALOG_VERIFY,
                                    &use->need.asker, use->need.display, &dialog_class, self);
}

struct pin_use *pin_need(struct agent *agent, struct card *card, const struct pin_need *need,
                         const struct pin_use_class *class, void *user)
{
    struct pin_card *self = pin_card_find_or_add(agent->pins, card);
    struct pin_use *use = calloc(1, sizeof *use);
    struct fail fail = FAIL_INIT;

    if (use == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *use =
        (struct pin_use){.agent = agent, .card = self, .need = *need, .class = class, .user = user};
    use->need.display = json_incref(need->display);
    use->program = need->asker.program != NULL ? strdup(need->asker.program) : NULL;
    use->need.asker.program = use->program;
    TAILQ_INSERT_TAIL(&self->uses, use, entry);
    if (card_state(card) != CARD_READY)
        fail_set(&fail, CPS_CARD_BUSY, "the card is not ready");
    else if (self->n_uses >= PIN_USES_MAX)
        fail_set(&fail, CPS_TOO_MANY_REQUESTS, "%u uses of one card", self->n_uses);
    else if (!need->interactive && !is_served(self, need))
        fail_set(&fail, CPS_INTERACTION_REQUIRED, "the PIN must be asked");
    self->n_uses++;
    if (fail.code != CPS_OK) {
        refuse(use, &fail);
        return use;
    }
    pin_uses_serve(self);
    if (use->state == PIN_USE_WAITING && self->question != NULL)
        tell_later(use);
    return use;
}

void pin_use_again(struct pin_use *use)
{
    struct pin_card *self = use->card;
    struct fail fail;

    if (self == NULL) {
        fail_set(&fail, CPS_CARD_REMOVED, "the card is gone");
        refuse(use, &fail);
        return;
    }
    if (use->grant == self->verifications)
        pin_card_unverify(self);
    use->state = PIN_USE_WAITING;
    fail_set(&fail, CPS_INTERACTION_REQUIRED, "the PIN must be asked again");
    if (!use->need.interactive && !is_served(self, &use->need))
        refuse(use, &fail);
    else
        pin_uses_serve(self);
}

void pin_use_end(struct pin_use *use)
{
    struct pin_card *self;
    bool had_it;

    if (use == NULL)
        return;
    self = use->card;
    had_it = use->state == PIN_USE_READY || use->state == PIN_USE_TOLD;
    use_free(use);
    if (self == NULL)
        return;
    if (self->pins->policy == PIN_EACH_USE && had_it && self->verified && !in_use(self))
        pin_card_reset(self);
    if (self->dialog != NULL && self->changer == NULL && first_waiting(self) == NULL) {
        pin_dialog_cancel(TAKE_PTR(self->dialog));
        self->question = NULL;
    }
    pin_uses_serve(self);
}

void pin_uses_drop(struct pin_card *self, const struct fail *fail)
{
    while (!TAILQ_EMPTY(&self->uses)) {
        struct pin_use *use = TAILQ_FIRST(&self->uses);

        TAILQ_REMOVE(&self->uses, use, entry);
        use->card = NULL;
        if (use->state == PIN_USE_WAITING || use->state == PIN_USE_READY)
            use->fail = *fail;
        if (use->state != PIN_USE_TOLD) { /* who has been told learns it from the card's answers */
            use->state = PIN_USE_FAILED;
            tell(use);
        }
    }
}
