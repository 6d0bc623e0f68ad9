/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/evidence_fit.h"

#include <stdbool.h>
#include <string.h>

#include "base/util.h"

/* What is left of an event in any case. */
static const char *const kept[] = {"at", "local", "station", "event", "result", "pid"};

/* Whole characters; control characters would be six each when they are written. */
static json_t *cut_text(const char *text)
{
    char copy[EVIDENCE_KEPT + 1];
    size_t len = strnlen(text, EVIDENCE_KEPT);

    if (text[len] != '\0')
        while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
            len--;
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (char *c = copy; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20)
            *c = '?';
    return json_string(copy);
}

static json_t *cut(json_t *value)
{
    json_t *copy, *item;
    const char *name;
    size_t i;

    if (json_is_string(value))
        return cut_text(json_string_value(value));
    if (json_is_array(value)) {
        copy = json_array();
        json_array_foreach (value, i, item)
            json_array_append_new(copy, cut(item));
        return copy;
    }
    if (!json_is_object(value))
        return json_incref(value);
    copy = json_object();
    json_object_foreach (value, name, item)
        json_object_set_new(copy, name, cut(item));
    return copy;
}

static bool fits(const json_t *event, size_t max)
{
    return json_dumpb(event, NULL, 0, JSON_COMPACT) <= max;
}

json_t *evidence_fit(json_t *event, size_t max)
{
    AUTO_JSON json_t *shorter = NULL;
    json_t *least;

    if (fits(event, max))
        return json_incref(event);
    shorter = cut(event);
    json_object_set_new(shorter, "cut", json_true());
    if (fits(shorter, max))
        return TAKE_PTR(shorter);
    least = json_pack("{s:b}", "cut", 1);
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        json_t *value = json_object_get(shorter, kept[i]);

        if (value != NULL)
            json_object_set(least, kept[i], value);
    }
    return least;
}
