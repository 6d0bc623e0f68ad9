/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/watch.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

#define NEW_READERS  "\\\\?PnP?\\Notification"
#define EVENTS_SHIFT 16

/* What was told of a reader. */
struct facts {
    bool present;
    bool mute;
    DWORD events;
    char atr[2 * MAX_ATR_SIZE + 1];
};

struct reader {
    char name[MAX_READERNAME];
    DWORD state; /* as PC/SC last gave it, SCARD_STATE_UNAWARE at first */
    bool told;
    struct facts facts;
};

struct watch {
    watch_tell_fn tell;
    DWORD comings; /* the pseudo-reader's count, from pcsc-lite 2.3 on; 0 before that */
    DWORD n;
    struct reader readers[WATCH_READERS_MAX];
};

struct watch *watch_new(watch_tell_fn tell)
{
    struct watch *watch = calloc(1, sizeof *watch);

    if (watch != NULL)
        watch->tell = tell;
    return watch;
}

void watch_free(struct watch *watch)
{
    free(watch);
}

static void tell_gone(const struct watch *watch, const struct reader *reader)
{
    if (reader->told)
        watch->tell("reader_gone", json_pack("{s:s}", "reader", reader->name));
}

void watch_forget(struct watch *watch)
{
    for (DWORD i = 0; i < watch->n; i++)
        tell_gone(watch, &watch->readers[i]);
    watch->n = 0;
}

/* Walks a multi-string whose end was checked. */
static const char *next_name(const char *name)
{
    name += strlen(name) + 1;
    return *name == '\0' ? NULL : name;
}

/* Strings that each end in a NUL, then one more NUL, nothing missing. An empty list is one NUL. */
static const char *first_name(const char *list, size_t len, bool *ret_sound)
{
    *ret_sound = (len == 1 && list[0] == '\0') ||
                 (len >= 2 && list[len - 1] == '\0' && list[len - 2] == '\0');
    return *ret_sound && list[0] != '\0' ? list : NULL;
}

static bool is_clean(const char *name)
{
    json_t *text = json_string(name); /* NULL unless UTF-8 */
    bool clean = text != NULL && strlen(name) < MAX_READERNAME;

    json_decref(text);
    for (; clean && *name != '\0'; name++)
        clean = !iscntrl((unsigned char)*name);
    return clean;
}

static struct reader *find(struct watch *watch, const char *name)
{
    for (DWORD i = 0; i < watch->n; i++)
        if (strcmp(watch->readers[i].name, name) == 0)
            return &watch->readers[i];
    return NULL;
}

static bool listed(const char *first, const char *name)
{
    for (; first != NULL; first = next_name(first))
        if (strcmp(first, name) == 0)
            return true;
    return false;
}

static void remove_missing(struct watch *watch, const char *first)
{
    DWORD kept = 0;

    for (DWORD i = 0; i < watch->n; i++) {
        if (!listed(first, watch->readers[i].name))
            tell_gone(watch, &watch->readers[i]);
        else if (kept++ != i)
            watch->readers[kept - 1] = watch->readers[i];
    }
    watch->n = kept;
}

bool watch_list(struct watch *watch, const char *list, size_t len)
{
    bool sound;
    const char *first = first_name(list, len, &sound);

    if (!sound)
        return false;
    remove_missing(watch, first);
    for (const char *name = first; name != NULL; name = next_name(name)) {
        struct reader *reader;

        if (find(watch, name) != NULL)
            continue;
        if (!is_clean(name) || watch->n == WATCH_READERS_MAX) {
            log_warning("a reader is left out: %s", is_clean(name) ? name : "name not clean");
            continue;
        }
        reader = &watch->readers[watch->n++];
        *reader = (struct reader){.state = SCARD_STATE_UNAWARE};
        memcpy(reader->name, name, strlen(name) + 1);
    }
    return true;
}

DWORD watch_states(const struct watch *watch, SCARD_READERSTATE *states)
{
    DWORD n;

    memset(states, 0, WATCH_READERS_MAX * sizeof states[0]);
    for (n = 0; n < watch->n; n++) {
        states[n].szReader = watch->readers[n].name;
        states[n].dwCurrentState = watch->readers[n].state;
    }
    if (n < WATCH_READERS_MAX) {
        states[n].szReader = NEW_READERS;
        states[n++].dwCurrentState = watch->comings << EVENTS_SHIFT;
    }
    return n;
}

static void read_facts(const SCARD_READERSTATE *state, struct facts *ret_facts)
{
    DWORD len = state->cbAtr <= MAX_ATR_SIZE ? state->cbAtr : 0;

    *ret_facts = (struct facts){.present = (state->dwEventState & SCARD_STATE_PRESENT) != 0,
                                .mute = (state->dwEventState & SCARD_STATE_MUTE) != 0,
                                .events = state->dwEventState >> EVENTS_SHIFT & 0xFFFF};
    for (DWORD i = 0; ret_facts->present && i < len; i++)
        snprintf(ret_facts->atr + 2 * i, 3, "%02X", state->rgbAtr[i]);
}

static bool same(const struct facts *a, const struct facts *b)
{
    return a->present == b->present && a->mute == b->mute && a->events == b->events &&
           strcmp(a->atr, b->atr) == 0;
}

static void tell_reader(const struct watch *watch, struct reader *reader)
{
    const struct facts *facts = &reader->facts;

    reader->told = true;
    watch->tell("reader", json_pack("{s:s, s:b, s:b, s:s, s:I}", "reader", reader->name, "present",
                                    facts->present, "mute", facts->mute, "atr", facts->atr,
                                    "events", (json_int_t)facts->events));
}

void watch_apply(struct watch *watch, const SCARD_READERSTATE *states, DWORD n)
{
    for (DWORD i = 0; i < n && i < watch->n; i++) {
        struct reader *reader = &watch->readers[i];
        struct facts facts;

        /* A reader that is unknown here is on its way out: the next list tells. */
        if ((states[i].dwEventState & SCARD_STATE_UNKNOWN) != 0)
            continue;
        reader->state = states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
        read_facts(&states[i], &facts);
        if (reader->told && same(&facts, &reader->facts))
            continue;
        reader->facts = facts;
        tell_reader(watch, reader);
    }
    if (n > watch->n)
        watch->comings = states[watch->n].dwEventState >> EVENTS_SHIFT & 0xFFFF;
}
