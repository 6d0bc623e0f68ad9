/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cards.h"

#include <stdlib.h>
#include <string.h>

#include "agent/cards_state.h"
#include "agent/login.h"
#include "agent/pin_policy.h"
#include "agent/server.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"

/* One beat may be late by as much as a busy machine wants: two of them missing are no accident. */
#define SILENCE_MAX_MS (2 * CARDWATCH_BEAT_MS + 5000)

/* How long early requests wait to know which cards are there. */
#define SETTLE_MAX_MS 3000

static const char *const pcsc_names[] = {
    [PCSC_UNKNOWN] = "unknown",   [PCSC_UP] = "up",
    [PCSC_DOWN] = "down",         [PCSC_REFUSED] = "refused",
    [PCSC_RELEASED] = "released",
};

static void publish_reader(const struct cards *cards, const char *change, const char *reader)
{
    json_t *params = json_pack("{s:s, s:o, s:s*}", "change", change, "pcsc", cards_pcsc_json(cards),
                               "reader", reader);

    server_publish(cards->agent->server, EVENT_READER, params);
}

void cards_publish(struct agent *agent, const char *change, const struct card *card)
{
    server_publish(agent->server, EVENT_CARD,
                   json_pack("{s:s, s:s, s:o}", "change", change, "reader", card_reader(card),
                             "card", card_json(card)));
}

static void publish_health(const struct cards *cards)
{
    server_publish(
        cards->agent->server, EVENT_HEALTH,
        json_pack("{s:s, s:s}", "component", "cardwatch", "state", cards_watch_state(cards)));
}

static void remove_card(struct cards *cards, struct reader *reader)
{
    if (reader->card == NULL)
        return;
    card_free(TAKE_PTR(reader->card));
    server_publish(
        cards->agent->server, EVENT_CARD,
        json_pack("{s:s, s:s, s:n}", "change", "removed", "reader", reader->name, "card"));
}

static void insert_card(struct cards *cards, struct reader *reader, bool mute)
{
    reader->card = card_new(cards->agent, reader->name, mute);
    if (reader->card != NULL)
        cards_publish(cards->agent, "inserted", reader->card);
}

static void remove_reader(struct cards *cards, struct reader *reader)
{
    for (struct reader **at = &cards->readers; *at != NULL; at = &(*at)->next)
        if (*at == reader) {
            *at = reader->next;
            break;
        }
    cards->n_readers--;
    remove_card(cards, reader);
    publish_reader(cards, "removed", reader->name);
    free(reader->name);
    free(reader);
}

static void settle(struct cards *cards)
{
    cards->settled = true;
    cards->patience = sd_event_source_disable_unref(cards->patience);
    while (cards->early != NULL) {
        struct early *early = cards->early;

        cards->early = early->next;
        early->resume(cards->agent, early->request);
        free(early);
    }
    logins_known(cards->agent);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    settle(user);
    return 0;
}

static void on_early_cancel(struct request *request, void *user)
{
    struct early *early = user;

    (void)request;
    for (struct early **at = &early->cards->early; *at != NULL; at = &(*at)->next)
        if (*at == early) {
            *at = early->next;
            break;
        }
    free(early);
}

bool cards_known(struct agent *agent)
{
    struct cards *cards = agent->cards;

    if (!cards->settled && cards->patience == NULL)
        (void)sd_event_add_time_relative(agent->event, &cards->patience, CLOCK_BOOTTIME,
                                         (uint64_t)SETTLE_MAX_MS * 1000, 1000, on_patience, cards);
    return cards->settled || cards->patience == NULL;
}

bool cards_settle(struct cards *cards, struct request *request,
                  void (*resume)(struct agent *agent, struct request *request))
{
    struct early **end = &cards->early;
    struct early *early;

    if (cards_known(cards->agent) || (early = calloc(1, sizeof *early)) == NULL)
        return false;
    *early = (struct early){.cards = cards, .request = request, .resume = resume};
    while (*end != NULL)
        end = &(*end)->next;
    *end = early;
    request_wait(request, on_early_cancel, early);
    return true;
}

void cards_set_pcsc(struct cards *cards, enum pcsc_state state)
{
    if (state != PCSC_UP)
        while (cards->readers != NULL)
            remove_reader(cards, cards->readers);
    if (cards->pcsc == state)
        return;
    cards->pcsc = state;
    cards->pcsc_since_s = clock_real_s();
    log_info("card service: %s", pcsc_names[state]);
    publish_reader(cards, "pcsc", NULL);
    cards->settled = false;
    if (state != PCSC_UP && state != PCSC_UNKNOWN)
        settle(cards);
}

static struct reader *find_reader(const struct cards *cards, const char *name)
{
    for (struct reader *reader = cards->readers; reader != NULL; reader = reader->next)
        if (strcmp(reader->name, name) == 0)
            return reader;
    return NULL;
}

static struct reader *add_reader(struct cards *cards, const char *name)
{
    struct reader **end = &cards->readers;
    struct reader *reader;

    if (cards->n_readers >= READERS_MAX || (reader = calloc(1, sizeof *reader)) == NULL)
        return NULL;
    reader->name = strdup(name);
    while (*end != NULL)
        end = &(*end)->next;
    *end = reader;
    cards->n_readers++;
    publish_reader(cards, "added", name);
    return reader;
}

/*
 * PC/SC counts insertions and removals: an odd leap between two looks at a card that is still
 * there means another insertion, of the same card or of another one.
 */
static void on_reader(struct cards *cards, const json_t *event)
{
    const char *name = json_get_string(event, "reader");
    bool present = json_get_bool(event, "present", false);
    int64_t events = json_get_int(event, "events", 0);
    struct reader *reader = name != NULL ? find_reader(cards, name) : NULL;

    if (name == NULL)
        return;
    if (reader == NULL)
        reader = add_reader(cards, name);
    if (reader == NULL)
        return;
    if (reader->present && (!present || events != reader->events))
        remove_card(cards, reader);
    reader->present = present;
    reader->events = events;
    if (present && reader->card == NULL)
        insert_card(cards, reader, json_get_bool(event, "mute", false));
}

void cards_replace(struct cards *cards, const struct card *card)
{
    for (struct reader *reader = cards->readers; reader != NULL; reader = reader->next)
        if (reader->card == card) {
            remove_card(cards, reader);
            insert_card(cards, reader, false);
            return;
        }
}

static void on_pcsc(struct cards *cards, const json_t *event)
{
    const char *state = json_get_string(event, "state");

    for (int i = PCSC_UP; i <= PCSC_REFUSED; i++)
        if (state != NULL && strcmp(pcsc_names[i], state) == 0)
            cards_set_pcsc(cards, (enum pcsc_state)i);
}

static void on_event(void *user, const char *name, json_t *event)
{
    struct cards *cards = user;
    const char *gone = json_get_string(event, "reader");

    backoff_worked(&cards->backoff);
    (void)sd_event_source_set_time_relative(cards->silence, (uint64_t)SILENCE_MAX_MS * 1000);
    if (strcmp(name, "beat") == 0 && cards->pcsc == PCSC_UP && !cards->settled)
        settle(cards);
    else if (strcmp(name, "pcsc") == 0)
        on_pcsc(cards, event);
    else if (strcmp(name, "reader") == 0)
        on_reader(cards, event);
    else if (strcmp(name, "reader_gone") == 0 && gone != NULL && find_reader(cards, gone) != NULL)
        remove_reader(cards, find_reader(cards, gone));
}

static void restart(void *user)
{
    cards_start(user);
}

static void watch_lost(struct cards *cards)
{
    child_free(TAKE_PTR(cards->watch));
    cards->silence = sd_event_source_disable_unref(cards->silence);
    publish_health(cards);
    cards_set_pcsc(cards, PCSC_DOWN);
    backoff_failed(&cards->backoff, cards->agent->event, restart, cards);
}

static void on_exit_of_watch(void *user)
{
    watch_lost(user);
}

static int on_silence(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    log_warning("the card service does not answer any more");
    watch_lost(user);
    return 0;
}

static const struct child_class cardwatch_class = {
    .program = PROTO_CARDWATCH,
    .in_flight = 1,
    .on_event = on_event,
    .on_exit = on_exit_of_watch,
};

void cards_start(struct cards *cards)
{
    struct fail fail;
    int r;

    if (cards->away)
        return;
    cards->watch = child_start(cards->agent, &cardwatch_class, cards, &fail);
    if (cards->watch == NULL) {
        log_error("%s", fail.causes[0]);
        watch_lost(cards);
        return;
    }
    publish_health(cards);
    r = sd_event_add_time_relative(cards->agent->event, &cards->silence, CLOCK_BOOTTIME,
                                   (uint64_t)SILENCE_MAX_MS * 1000, 1000000, on_silence, cards);
    if (r < 0)
        log_error("no watch over %s: %s", PROTO_CARDWATCH, strerror(-r));
}

struct cards *cards_new(struct agent *agent)
{
    struct cards *cards = calloc(1, sizeof *cards);

    if (cards == NULL)
        return NULL;
    cards->agent = agent;
    cards->pcsc_since_s = clock_real_s();
    return cards;
}

/* The agent stops. */
static void refuse_early(struct cards *cards)
{
    struct fail fail;

    fail_set(&fail, CPS_AGENT_UNAVAILABLE, "the agent stops");
    while (cards->early != NULL) {
        struct early *early = cards->early;

        cards->early = early->next;
        request_fail(early->request, &fail);
        free(early);
    }
}

void cards_free(struct cards *cards)
{
    if (cards == NULL)
        return;
    refuse_early(cards);
    sd_event_source_disable_unref(cards->release);
    sd_event_source_disable_unref(cards->patience);
    while (cards->readers != NULL)
        remove_reader(cards, cards->readers);
    backoff_done(&cards->backoff);
    sd_event_source_disable_unref(cards->silence);
    child_free(cards->watch);
    free(cards);
}

static int rank(const struct card *card)
{
    if (card_state(card) == CARD_READY)
        return card_has_pin(card) ? 3 : 1;
    return card_state(card) == CARD_READING ? 2 : 0;
}

static bool better(const struct card *card, const struct card *than)
{
    return than == NULL || rank(card) > rank(than);
}

struct card *cards_pick(const struct cards *cards, const char *reader, struct fail *fail)
{
    struct card *best = NULL;

    if (cards->away) {
        *fail = cards->why;
        return NULL;
    }
    if (cards->pcsc != PCSC_UP) {
        fail_set(fail, cards->pcsc == PCSC_REFUSED ? CPS_PCSC_REFUSED : CPS_PCSC_UNAVAILABLE,
                 "card service: %s", pcsc_names[cards->pcsc]);
        return NULL;
    }
    for (const struct reader *r = cards->readers; r != NULL; r = r->next)
        if (r->card != NULL && (reader == NULL || strcmp(r->name, reader) == 0) &&
            better(r->card, best))
            best = r->card;
    if (best != NULL)
        return best;
    if (cards->readers == NULL || (reader != NULL && find_reader(cards, reader) == NULL))
        fail_set(fail, CPS_NO_READER, "%s", reader != NULL ? reader : "none plugged in");
    else
        fail_set(fail, CPS_NO_CARD, "%s", reader != NULL ? reader : cards->readers->name);
    return NULL;
}

void cards_logout(struct cards *cards, const char *name)
{
    const struct reader *reader = find_reader(cards, name);

    if (reader != NULL && reader->card != NULL)
        pin_forget(cards->agent, reader->card);
}

bool cards_reading(const struct cards *cards)
{
    for (const struct reader *reader = cards->readers; reader != NULL; reader = reader->next)
        if (reader->card != NULL && card_state(reader->card) == CARD_READING)
            return true;
    return false;
}

json_t *cards_pcsc_json(const struct cards *cards)
{
    return json_pack("{s:s, s:I}", "state", pcsc_names[cards->pcsc], "since_at",
                     (json_int_t)cards->pcsc_since_s);
}

json_t *cards_readers_json(const struct cards *cards)
{
    json_t *list = json_array();

    for (const struct reader *reader = cards->readers; reader != NULL; reader = reader->next)
        json_array_append_new(
            list, json_pack("{s:s, s:o}", "reader", reader->name, "card",
                            reader->card != NULL ? card_json(reader->card) : json_null()));
    return list;
}

json_t *cards_list_json(const struct cards *cards)
{
    json_t *list = json_array();

    for (const struct reader *reader = cards->readers; reader != NULL; reader = reader->next)
        if (reader->card != NULL)
            json_array_append_new(list, card_json(reader->card));
    return list;
}

const char *cards_watch_state(const struct cards *cards)
{
    if (cards->away)
        return "stopped";
    return cards->watch != NULL ? "running" : "restarting";
}
