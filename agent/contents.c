/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/contents.h"

#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cards.h"
#include "agent/certificate_json.h"
#include "agent/identity.h"
#include "agent/trust.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

/* Keys looked at on one card. */
#define KEYS_MAX 8

enum step { STEP_IDLE, STEP_KEYS, STEP_CERTIFICATES, STEP_OBJECTS, STEP_DONE };

/* One ready card. */
struct entry {
    struct entry *next;
    struct contents *all;
    struct card *card;
    enum step step;
    struct call *call;
    json_t *keys; /* as cardop told them; a key without a readable certificate is taken out */
    size_t at;    /* the key whose certificate is being read */
    json_t *objects;
    json_t *authorities; /* those that issued the certificates */
    bool gave_up;        /* once: what fails again is left out */
};

struct contents {
    struct agent *agent;
    bool wanted;                 /* a program has asked */
    struct entry *entries;       /* in the order they came, and get their slots */
    char *slots[CONTENTS_SLOTS]; /* names of readers, or NULL: never used */
    void (*changed)(void *user);
    void *user;
};

static void enter(struct entry *entry, enum step step);

struct contents *contents_new(struct agent *agent)
{
    struct contents *contents = calloc(1, sizeof *contents);

    if (contents != NULL)
        contents->agent = agent;
    return contents;
}

static void entry_free(struct entry *entry)
{
    call_forget(entry->call);
    json_decref(entry->keys);
    json_decref(entry->objects);
    json_decref(entry->authorities);
    free(entry);
}

void contents_free(struct contents *contents)
{
    if (contents == NULL)
        return;
    while (contents->entries != NULL) {
        struct entry *entry = contents->entries;

        contents->entries = entry->next;
        entry_free(entry);
    }
    for (size_t i = 0; i < CONTENTS_SLOTS; i++)
        free(contents->slots[i]);
    free(contents);
}

void contents_on_change(struct contents *contents, void (*changed)(void *user), void *user)
{
    contents->changed = changed;
    contents->user = user;
}

static void notify(const struct contents *contents)
{
    if (contents->changed != NULL)
        contents->changed(contents->user);
}

static struct entry *find(const struct contents *contents, const struct card *card)
{
    for (struct entry *entry = contents->entries; entry != NULL; entry = entry->next)
        if (entry->card == card)
            return entry;
    return NULL;
}

/* Reading goes on from the start when a program asks again. */
static void give_up(struct entry *entry, const struct fail *fail)
{
    char text[512];

    fail_describe(fail, text, sizeof text);
    log_info("what %s holds is not known: %s", card_reader(entry->card), text);
    entry->gave_up = true;
    enter(entry, STEP_IDLE);
}

/* What the card does not have, or not in a form that is understood, must not hide the rest. */
static bool leave_out(const struct entry *entry, const struct fail *fail)
{
    char text[512];

    if (fail->code == CPS_CARD_UNSUPPORTED)
        return true;
    if (fail->code != CPS_CERTIFICATE_INVALID &&
        (fail->code != CPS_CARD_PROTOCOL || !entry->gave_up)) /* the first may be an accident */
        return false;
    fail_describe(fail, text, sizeof text);
    log_warning("left out of what %s holds: %s", card_reader(entry->card), text);
    return true;
}

static void on_objects(void *user, json_t *result, const struct fail *fail)
{
    struct entry *entry = user;

    entry->call = NULL;
    if (fail != NULL && !leave_out(entry, fail)) {
        give_up(entry, fail);
        return;
    }
    json_decref(entry->objects);
    entry->objects = json_incref(json_get_array(result, "objects"));
    enter(entry, STEP_DONE);
}

/* For servers that know the root alone; one that is not trusted here is not vouched for there. */
static void add_authority(struct entry *entry, X509 *certificate)
{
    X509 *issuer = NULL;
    AUTO_FREE char *name = NULL;
    AUTO_JSON json_t *parts = NULL;
    struct fail fail;

    if (trust_chain(entry->all->agent->trust, certificate, &issuer, &fail) != CPS_OK)
        return;
    name = identity_name_text(X509_get_subject_name(issuer));
    parts = json_pack("{s:s*, s:o}", "label", name, "certificate", certificate_json_parts(issuer));
    X509_free(issuer);
    for (size_t i = 0; i < json_array_size(entry->authorities); i++)
        if (json_equal(json_array_get(entry->authorities, i), parts))
            return;
    json_array_append(entry->authorities, parts);
}

/* The certificate of the key, or nothing: the key is then of no use to anybody. */
static void on_certificate(void *user, json_t *result, const struct fail *fail)
{
    struct entry *entry = user;
    const char *der = json_get_string(result, "der");
    X509 *certificate = der != NULL ? identity_parse(der) : NULL;

    entry->call = NULL;
    if (fail != NULL && !leave_out(entry, fail)) {
        X509_free(certificate);
        give_up(entry, fail);
        return;
    }
    if (certificate != NULL) {
        json_object_set_new(json_array_get(entry->keys, entry->at), "certificate",
                            certificate_json_parts(certificate));
        add_authority(entry, certificate);
        entry->at++;
    } else {
        json_array_remove(entry->keys, entry->at);
    }
    X509_free(certificate);
    enter(entry, STEP_CERTIFICATES);
}

static void on_keys(void *user, json_t *result, const struct fail *fail)
{
    struct entry *entry = user;
    json_t *keys = json_get_array(result, "keys");

    entry->call = NULL;
    if (fail != NULL && fail->code != CPS_CARD_UNSUPPORTED) {
        give_up(entry, fail);
        return;
    }
    json_decref(entry->keys);
    entry->keys = keys != NULL ? json_incref(keys) : json_array();
    while (json_array_size(entry->keys) > KEYS_MAX)
        json_array_remove(entry->keys, KEYS_MAX);
    json_decref(entry->authorities);
    entry->authorities = json_array();
    entry->at = 0;
    enter(entry, STEP_CERTIFICATES);
}

static void ask(struct entry *entry, const char *op, json_t *params, call_done done)
{
    entry->call = card_call(entry->card, op, params, -1, done, entry);
}

static void read_certificate(struct entry *entry)
{
    const char *usage = NULL;

    while (usage == NULL && entry->at < json_array_size(entry->keys)) {
        usage = json_get_string(json_array_get(entry->keys, entry->at), "usage");
        if (usage == NULL)
            json_array_remove(entry->keys, entry->at);
    }
    if (usage != NULL)
        ask(entry, "certificate", json_pack("{s:s}", "usage", usage), on_certificate);
    else
        enter(entry, STEP_OBJECTS);
}

/* The transition function. */
static void enter(struct entry *entry, enum step step)
{
    entry->step = step;
    switch (step) {
    case STEP_KEYS:
        ask(entry, "keys", json_object(), on_keys);
        break;
    case STEP_CERTIFICATES:
        read_certificate(entry);
        break;
    case STEP_OBJECTS:
        ask(entry, "objects", json_object(), on_objects);
        break;
    case STEP_DONE:
        cards_publish(entry->all->agent, "changed", entry->card);
        notify(entry->all);
        break;
    case STEP_IDLE:
        notify(entry->all);
        break;
    }
}

void contents_want(struct contents *contents)
{
    contents->wanted = true;
    for (struct entry *entry = contents->entries; entry != NULL; entry = entry->next)
        if (entry->step == STEP_IDLE && card_state(entry->card) == CARD_READY)
            enter(entry, STEP_KEYS);
}

bool contents_reading(const struct contents *contents)
{
    for (const struct entry *entry = contents->entries; entry != NULL; entry = entry->next)
        if (entry->step != STEP_IDLE && entry->step != STEP_DONE)
            return true;
    return false;
}

static void remove_entry(struct contents *contents, const struct card *card)
{
    for (struct entry **at = &contents->entries; *at != NULL; at = &(*at)->next)
        if ((*at)->card == card) {
            struct entry *entry = *at;

            *at = entry->next;
            entry_free(entry);
            break;
        }
}

/* What was read stays true when only its cardop has to start again. */
void contents_card_changed(struct agent *agent, struct card *card)
{
    struct contents *contents = agent->contents;
    struct entry *entry = find(contents, card);
    struct entry **end = &contents->entries;

    if (card_state(card) != CARD_READY) {
        if (entry != NULL && entry->step != STEP_DONE)
            remove_entry(contents, card);
        notify(contents);
        return;
    }
    if (entry == NULL) {
        entry = calloc(1, sizeof *entry);
        if (entry == NULL)
            return;
        *entry = (struct entry){.all = contents, .card = card};
        while (*end != NULL)
            end = &(*end)->next;
        *end = entry;
    }
    if (contents->wanted && entry->step == STEP_IDLE)
        enter(entry, STEP_KEYS);
    notify(contents);
}

void contents_card_removed(struct agent *agent, const struct card *card)
{
    remove_entry(agent->contents, card);
    notify(agent->contents);
}

struct card *contents_find(const struct contents *contents, const char *id, struct fail *fail)
{
    for (const struct entry *entry = contents->entries; entry != NULL; entry = entry->next)
        if (strcmp(card_id(entry->card), id) == 0) {
            if (card_state(entry->card) == CARD_READY)
                return entry->card;
            *fail = *card_fail(entry->card);
            if (fail->code == CPS_OK)
                fail_set(fail, CPS_CARD_BUSY, "the card is being read");
            return NULL;
        }
    fail_set(fail, CPS_CARD_REMOVED, "another card, or none, is there now");
    return NULL;
}

bool contents_object(const struct contents *contents, const struct card *card, const char *label,
                     bool *ret_private)
{
    const struct entry *entry = find(contents, card);
    const json_t *object;
    size_t i;

    if (entry == NULL)
        return false;
    json_array_foreach (entry->objects, i, object) {
        const char *name = json_get_string(object, "label");

        if (name != NULL && strcmp(name, label) == 0) {
            *ret_private = json_get_bool(object, "private", true);
            return true;
        }
    }
    return false;
}

/* Slots are given to readers as they show a card; -1: there are more cards than slots. */
static int slot_of(struct contents *contents, const char *reader)
{
    int free_slot = -1;

    for (int i = CONTENTS_SLOTS - 1; i >= 0; i--) {
        bool in_use = false;

        if (contents->slots[i] != NULL && strcmp(contents->slots[i], reader) == 0)
            return i;
        for (const struct entry *entry = contents->entries; entry != NULL; entry = entry->next)
            in_use |= contents->slots[i] != NULL &&
                      strcmp(contents->slots[i], card_reader(entry->card)) == 0;
        if (!in_use &&
            (contents->slots[i] == NULL || free_slot < 0 || contents->slots[free_slot] != NULL))
            free_slot = i;
    }
    if (free_slot >= 0) {
        free(contents->slots[free_slot]);
        contents->slots[free_slot] = strdup(reader);
    }
    return free_slot;
}

static bool may_use(const struct policy_terms *rule, const json_t *key)
{
    const char *usage = json_get_string(key, "usage");

    if (usage != NULL && strcmp(usage, "signature") == 0)
        return rule->signature;
    return rule->authentication;
}

/* The keys that the rule allows, authentication first: that is the one most programs must take. */
static json_t *keys_json(const struct entry *entry, const struct policy_terms *rule)
{
    json_t *list = json_array();
    json_t *key;
    size_t i;

    json_array_foreach (entry->keys, i, key) {
        const char *usage = json_get_string(key, "usage");

        if (!may_use(rule, key) || json_get_object(key, "certificate") == NULL)
            continue;
        if (strcmp(usage, "authentication") == 0)
            json_array_insert(list, 0, key);
        else
            json_array_append(list, key);
    }
    return list;
}

static json_t *objects_json(const struct entry *entry, const struct policy_terms *rule)
{
    json_t *list = json_array();
    json_t *object;
    size_t i;

    json_array_foreach (entry->objects, i, object) {
        bool private = json_get_bool(object, "private", true);

        if (rule->data == POLICY_DATA_ALL || (rule->data == POLICY_DATA_PUBLIC && !private))
            json_array_append(list, object);
    }
    return list;
}

static json_t *token_json(const struct entry *entry, int slot, const struct policy_terms *rule)
{
    json_t *token = card_json(entry->card);
    static const char *const kept[] = {"reader", "card_id",       "family", "label",
                                       "serial", "issuer_number", "pin"};
    json_t *json = json_pack("{s:i}", "slot", slot);

    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (json_object_get(token, kept[i]) != NULL)
            json_object_set(json, kept[i], json_object_get(token, kept[i]));
    json_decref(token);
    json_object_set_new(json, "keys", keys_json(entry, rule));
    if (rule->authentication || rule->signature)
        json_object_set(json, "authorities", entry->authorities);
    json_object_set_new(json, "objects", objects_json(entry, rule));
    return json;
}

json_t *contents_tokens(struct contents *contents, const struct policy_terms *rule)
{
    json_t *tokens = json_array();

    if (!rule->authentication && !rule->signature && rule->data == POLICY_DATA_NONE)
        return tokens;
    for (const struct entry *entry = contents->entries; entry != NULL; entry = entry->next) {
        int slot = entry->step == STEP_DONE && card_state(entry->card) == CARD_READY
                       ? slot_of(contents, card_reader(entry->card))
                       : -1;

        if (slot >= 0)
            json_array_append_new(tokens, token_json(entry, slot, rule));
    }
    return tokens;
}
