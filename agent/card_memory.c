/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/card_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

#define KEY_MAX 160

struct card_memory {
    json_t *cards; /* texts by card, the one kept last at the end */
};

struct card_memory *card_memory_new(void)
{
    struct card_memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        return NULL;
    memory->cards = json_object();
    if (memory->cards == NULL) {
        free(memory);
        return NULL;
    }
    return memory;
}

void card_memory_free(struct card_memory *memory)
{
    if (memory == NULL)
        return;
    json_decref(memory->cards);
    free(memory);
}

bool card_memory_is_empty(const struct card_memory *memory)
{
    return json_object_size(memory->cards) == 0;
}

/* The same card says other things to a reader with contacts and to one without: the ATR tells. */
static bool key_of(const json_t *info, char key[KEY_MAX])
{
    const char *serial = json_get_string(info, "serial");
    const char *atr = json_get_string(info, "atr");

    return serial != NULL && serial[0] != '\0' && atr != NULL &&
           snprintf(key, KEY_MAX, "%s %s", serial, atr) < KEY_MAX;
}

const char *card_memory_find(const struct card_memory *memory, const json_t *info)
{
    char key[KEY_MAX];

    return key_of(info, key) ? json_get_string(memory->cards, key) : NULL;
}

void card_memory_forget(struct card_memory *memory, const json_t *info)
{
    char key[KEY_MAX];

    if (key_of(info, key))
        json_object_del(memory->cards, key);
}

void card_memory_keep(struct card_memory *memory, const json_t *info, const char *text)
{
    char key[KEY_MAX];

    if (text == NULL || strlen(text) > CARD_MEMORY_TEXT_MAX || !key_of(info, key))
        return;
    json_object_del(memory->cards, key);
    if (json_object_size(memory->cards) >= CARD_MEMORY_CARDS_MAX)
        json_object_del(memory->cards, json_object_iter_key(json_object_iter(memory->cards)));
    json_object_set_new(memory->cards, key, json_string(text));
}
