/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/card.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/backoff.h"
#include "agent/card_memory.h"
#include "agent/card_module.h"
#include "agent/card_use.h"
#include "agent/cards.h"
#include "agent/contents.h"
#include "agent/identity.h"
#include "agent/login.h"
#include "agent/people.h"
#include "agent/pin_policy.h"
#include "agent/revocation.h"
#include "agent/server.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"

/* Ends of cardop in a row before the card counts as failed. */
#define FAILURES_MAX 3

struct card {
    struct agent *agent;
    char *reader;
    char id[32];
    enum card_state state;
    struct fail fail;
    struct child *op;
    struct backoff backoff;
    json_t *info; /* answer of "open" */
    X509 *certificate;
    json_t *holder;
};

static void start(void *user);

static const char *const state_names[] = {
    [CARD_READING] = "reading",
    [CARD_READY] = "ready",
    [CARD_MUTE] = "mute",
    [CARD_BUSY] = "busy",
    [CARD_UNSUPPORTED] = "unsupported",
    [CARD_FAILED] = "failed",
};

enum card_state card_state(const struct card *card)
{
    return card->state;
}

const char *card_reader(const struct card *card)
{
    return card->reader;
}

const char *card_id(const struct card *card)
{
    return card->id;
}

const struct fail *card_fail(const struct card *card)
{
    return &card->fail;
}

X509 *card_certificate(const struct card *card)
{
    return card->certificate;
}

json_t *card_holder(const struct card *card)
{
    return card->holder;
}

static const char *info_text(const struct card *card, const char *key)
{
    const char *text = json_get_string(card->info, key);

    return text != NULL ? text : "";
}

const char *card_family(const struct card *card)
{
    return info_text(card, "family");
}

const char *card_serial(const struct card *card)
{
    return info_text(card, "serial");
}

static bool is_contactless(const struct card *card)
{
    return strcmp(info_text(card, "interface"), "contactless") == 0;
}

const char *card_usage(const struct card *card)
{
    return is_contactless(card) ? "technical" : "authentication";
}

bool card_has_pin(const struct card *card)
{
    return !is_contactless(card) && json_get_object(card->info, "pin") != NULL;
}

bool card_pin_pad(const struct card *card)
{
    return json_get_bool(card->info, "pin_pad", false) &&
           config_bool(card->agent->config, "pin", "pad", true);
}

/* The PIN of a CPS has four digits; what other cards want is theirs to say. */
unsigned card_pin_digits(const struct card *card)
{
    const char *driver = info_text(card, "driver");

    return strcmp(driver, "cps3") == 0 || strcmp(driver, "cps4") == 0 ? 4 : 0;
}

static json_t *pin_json(const json_t *pin)
{
    int64_t tries_left = json_get_int(pin, "tries_left", -1);
    json_t *json = json_pack("{s:b}", "blocked", json_get_bool(pin, "blocked", false));

    if (tries_left >= 0)
        json_object_set_new(json, "tries_left", json_integer(tries_left));
    return json;
}

static void copy_text(json_t *to, const struct card *card, const char *key)
{
    json_t *value = json_object_get(card->info, key);

    if (json_is_string(value))
        json_object_set(to, key, value);
}

static void add_certificate(json_t *json, const struct card *card)
{
    const char *type = identity_card_type(card->certificate);

    if (type != NULL)
        json_object_set_new(json, "type", json_string(type));
    json_object_set(json, "holder", card->holder);
    json_object_set_new(json, "not_before",
                        json_integer(identity_time(X509_get0_notBefore(card->certificate))));
    json_object_set_new(json, "not_after",
                        json_integer(identity_time(X509_get0_notAfter(card->certificate))));
}

json_t *card_json(const struct card *card)
{
    json_t *json = json_pack("{s:s, s:s, s:s}", "reader", card->reader, "card_id", card->id,
                             "state", state_names[card->state]);
    const json_t *pin = json_get_object(card->info, "pin");

    copy_text(json, card, "family");
    copy_text(json, card, "label");
    copy_text(json, card, "serial");
    copy_text(json, card, "issuer_number");
    copy_text(json, card, "interface");
    if (card->certificate != NULL)
        add_certificate(json, card);
    if (pin != NULL) {
        json_object_set_new(json, "pin", pin_json(pin));
        json_object_set_new(json, "pin_pad", json_boolean(card_pin_pad(card)));
    }
    if (card->state != CARD_READING && card->state != CARD_READY)
        json_object_set_new(json, "error", json_string(cps_error_name(card->fail.code)));
    return json;
}

static void change(struct card *card, enum card_state state)
{
    card->state = state;
    cards_publish(card->agent, state == CARD_READY ? "ready" : "changed", card);
    pins_card_changed(card->agent, card);
    logins_card_changed(card->agent, card);
    contents_card_changed(card->agent, card);
}

static enum card_state state_after(cps_error code)
{
    switch (code) {
    case CPS_CARD_MUTE:
        return CARD_MUTE;
    case CPS_CARD_UNSUPPORTED:
        return CARD_UNSUPPORTED;
    case CPS_CARD_BUSY:
        return CARD_BUSY;
    default:
        return CARD_FAILED;
    }
}

/*
 * What the card itself answers will not change by asking again. A cardop that ended may do better,
 * a few times. A card that says nothing or that another program keeps is asked again and again, as
 * nothing else would tell that it has come back.
 */
static void reading_failed(struct card *card, const struct fail *fail)
{
    char text[512];
    bool ended = fail->code == CPS_COMPONENT_FAILED && card->backoff.failures < FAILURES_MAX;

    fail_describe(fail, text, sizeof text);
    log_warning("card in %s: %s", card->reader, text);
    card->fail = *fail;
    if (fail->code == CPS_DEADLINE_EXCEEDED)
        card->fail.code = CPS_CARD_MUTE;
    child_free(TAKE_PTR(card->op));
    if (ended || fail->code == CPS_DEADLINE_EXCEEDED || fail->code == CPS_CARD_BUSY)
        backoff_failed(&card->backoff, card->agent->event, start, card);
    change(card, ended ? CARD_READING : state_after(card->fail.code));
}

static void on_certificate(void *user, json_t *result, const struct fail *fail)
{
    struct card *card = user;
    const char *der = json_get_string(result, "der");
    json_t *mapped;
    struct fail wrong;

    if (fail != NULL) {
        reading_failed(card, fail);
        return;
    }
    X509_free(card->certificate);
    json_decref(card->holder);
    card->holder = NULL;
    card->certificate = identity_parse(der != NULL ? der : "");
    if (card->certificate == NULL) {
        fail_set(&wrong, CPS_CERTIFICATE_INVALID, "the card holds no readable certificate");
        reading_failed(card, &wrong);
        return;
    }
    card_memory_keep(card->agent->card_memory, card->info, json_get_string(result, "memory"));
    card->holder = identity_holder(card->certificate);
    mapped = people_name(card->agent->people, card_serial(card), card->holder);
    if (mapped != NULL) {
        json_decref(card->holder);
        card->holder = mapped;
    }
    backoff_worked(&card->backoff);
    revocation_expect(card->agent->revocation, card->certificate);
    change(card, CARD_READY);
}

static void on_open(void *user, json_t *result, const struct fail *fail)
{
    struct card *card = user;
    struct fail wrong;

    if (fail == NULL &&
        (json_get_string(result, "family") == NULL || json_get_string(result, "serial") == NULL ||
         (json_get_object(result, "pin") == NULL) !=
             json_is_null(json_object_get(result, "pin")))) {
        fail_set(&wrong, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_CARDOP);
        fail = &wrong;
    }
    if (fail != NULL) {
        reading_failed(card, fail);
        return;
    }
    json_decref(card->info);
    card->info = json_incref(result);
    child_call(card->op, "certificate",
               json_pack("{s:s, s:b}", "usage", card_usage(card), "remember", true), -1,
               CARD_TIMEOUT_MS, on_certificate, NULL, card);
}

static void ask_open(struct card *card, bool brief, const char *memory, call_done done)
{
    json_t *params = card_module_open_params(card->agent, card->reader);

    if (brief)
        json_object_set_new(params, "brief", json_true());
    if (memory != NULL)
        json_object_set_new(params, "memory", json_string(memory));
    child_call(card->op, "open", params, -1,
               card_module_is_set(card->agent) ? MODULE_OPEN_TIMEOUT_MS : CARD_TIMEOUT_MS, done,
               NULL, card);
}

/* The card is known by its number: has it been here before? */
static void on_brief(void *user, json_t *result, const struct fail *fail)
{
    struct card *card = user;

    if (fail != NULL)
        reading_failed(card, fail);
    else
        ask_open(card, false, card_memory_find(card->agent->card_memory, result), on_open);
}

/* It ended with no call of this file under way: one that fails frees the child first. */
static void on_op_exit(void *user)
{
    struct card *card = user;
    struct fail fail;

    fail_set(&fail, CPS_COMPONENT_FAILED, "%s stopped", PROTO_CARDOP);
    reading_failed(card, &fail);
}

/* What was remembered of it is not true of this card: whatever was made of that is gone. */
static void on_event(void *user, const char *name, json_t *event)
{
    struct card *card = user;

    (void)event;
    if (strcmp(name, "misled") != 0)
        return;
    log_warning("card in %s: not what it was the last time", card->reader);
    card_memory_forget(card->agent->card_memory, card->info);
    cards_replace(card->agent->cards, card);
}

static const struct child_class cardop_class = {
    .program = PROTO_CARDOP,
    .in_flight = 1,
    .on_event = on_event,
    .on_exit = on_op_exit,
};

/* The same, allowed to load the PKCS#11 module of the configuration. */
static const char *const with_module[] = {"--module", NULL};
static const struct child_class cardop_module_class = {
    .program = PROTO_CARDOP,
    .args = with_module,
    .in_flight = 1,
    .on_event = on_event,
    .on_exit = on_op_exit,
};

static void start(void *user)
{
    struct card *card = user;
    bool module = card_module_is_set(card->agent);
    struct fail fail;

    card->op = child_start(card->agent, module ? &cardop_module_class : &cardop_class, card, &fail);
    if (card->op == NULL) {
        reading_failed(card, &fail);
        return;
    }
    if (card_memory_is_empty(card->agent->card_memory))
        ask_open(card, false, NULL, on_open);
    else
        ask_open(card, true, NULL, on_brief);
}

struct card *card_new(struct agent *agent, const char *reader, bool mute)
{
    static unsigned counter;
    static int64_t life; /* no id comes back in a later life of the agent */
    struct card *card = calloc(1, sizeof *card);

    if (card == NULL)
        return NULL;
    card->agent = agent;
    card->reader = strdup(reader);
    if (counter++ == 0)
        life = clock_boot_ms();
    snprintf(card->id, sizeof card->id, "card-%" PRIx64 "-%x", life, counter);
    if (mute) {
        card->state = CARD_MUTE;
        fail_set(&card->fail, CPS_CARD_MUTE, "no answer to reset in %s", reader);
    } else {
        card->state = CARD_READING;
        start(card);
    }
    return card;
}

void card_free(struct card *card)
{
    struct fail fail;

    if (card == NULL)
        return;
    fail_set(&fail, CPS_CARD_REMOVED, "card removed from %s", card->reader);
    card->state = CARD_FAILED;
    card->fail = fail;
    backoff_done(&card->backoff);
    logins_card_removed(card->agent, card, &fail);
    card_uses_removed(card, &fail);
    pins_card_removed(card->agent, card, &fail);
    contents_card_removed(card->agent, card);
    child_end(TAKE_PTR(card->op), &fail);
    X509_free(card->certificate);
    json_decref(card->holder);
    json_decref(card->info);
    free(card->reader);
    free(card);
}

struct call *card_call(struct card *card, const char *op, json_t *params, int pass_fd,
                       call_done done, void *user)
{
    return card_call_for(card, op, params, pass_fd, CARD_TIMEOUT_MS, done, user);
}

struct call *card_call_for(struct card *card, const char *op, json_t *params, int pass_fd,
                           int64_t timeout_ms, call_done done, void *user)
{
    return child_call(card->op, op, params, pass_fd, timeout_ms, done, NULL, user);
}

void card_restart(struct card *card)
{
    if (card->op != NULL)
        child_kill(card->op, "not wanted any more");
}

void card_note_pin(struct card *card, int tries_left)
{
    json_t *pin = json_get_object(card->info, "pin");

    if (pin == NULL || tries_left < 0 || json_get_int(pin, "tries_left", -1) == tries_left)
        return;
    json_object_set_new(pin, "tries_left", json_integer(tries_left));
    json_object_set_new(pin, "blocked", json_boolean(tries_left == 0));
    cards_publish(card->agent, "changed", card);
}
