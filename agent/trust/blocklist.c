/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/blocklist.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/lines.h"
#include "base/util.h"

#define DIGITS   "0123456789"
#define HEX      DIGITS "abcdefABCDEF"
#define RPPS_LEN 11
#define LETTERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

static const struct {
    const char *name;
    const char *characters;
    bool number; /* leading zeros mean nothing */
} kinds[BLOCKED_KINDS] = {
    [BLOCKED_CARD] = {"card", DIGITS, true},
    [BLOCKED_CERTIFICATE] = {"certificate", HEX, true},
    [BLOCKED_PERSON] = {"person", DIGITS LETTERS "/", false},
};

const char *blocked_kind_name(enum blocked_kind kind)
{
    return kinds[kind].name;
}

enum blocked_kind blocked_kind_of(const char *name)
{
    enum blocked_kind kind = BLOCKED_CARD;

    while (kind < BLOCKED_KINDS && strcmp(kinds[kind].name, name) != 0)
        kind++;
    return kind;
}

/* What follows the "/" of a structure is its own number of the person. */
static bool is_made_well(enum blocked_kind kind, const char *text)
{
    const char *own = kind == BLOCKED_PERSON ? strchr(text, '/') : NULL;
    size_t len = strspn(text, kinds[kind].characters);

    return text[len] == '\0' ||
           (own != NULL && own < text + len && own[strspn(own, DIGITS LETTERS "/-.")] == '\0');
}

/* An RPPS number is often written without the 8 that national identifiers put in front. */
static bool lacks_type(enum blocked_kind kind, const char *text)
{
    return kind == BLOCKED_PERSON && strlen(text) == RPPS_LEN && strspn(text, DIGITS) == RPPS_LEN;
}

bool blocked_normal(enum blocked_kind kind, const char *text,
                    char ret_value[static BLOCKED_VALUE_SIZE])
{
    bool rpps = lacks_type(kind, text);
    size_t len;

    if (!is_made_well(kind, text))
        return false;
    while (kinds[kind].number && text[0] == '0' && text[1] != '\0')
        text++;
    len = strlen(text);
    if (len == 0 || len + rpps >= BLOCKED_VALUE_SIZE)
        return false;
    if (rpps)
        *ret_value++ = '8';
    for (size_t i = 0; i <= len; i++)
        ret_value[i] = (char)toupper((unsigned char)text[i]);
    return true;
}

static cps_error on_line(void *user, char *line, struct fail *fail)
{
    struct blocklist *list = user;
    struct blocked new = {.note = line};
    struct blocked *longer;
    const char *value;

    new.kind = blocked_kind_of(lines_word(&new.note));
    if (new.kind == BLOCKED_KINDS)
        return fail_set(fail, CPS_CONFIGURATION, "does not begin with card, certificate or person");
    value = lines_word(&new.note);
    if (!blocked_normal(new.kind, value, new.value))
        return fail_set(fail, CPS_CONFIGURATION, "not the identifier of a %s",
                        blocked_kind_name(new.kind));
    if (list->n == BLOCKLIST_MAX)
        return fail_set(fail, CPS_CONFIGURATION, "more than %d entries", BLOCKLIST_MAX);
    if ((list->n & (list->n - 1)) == 0) { /* grows by doubling */
        longer = reallocarray(list->entries, list->n > 0 ? 2 * list->n : 1, sizeof *longer);
        if (longer == NULL)
            return fail_set(fail, CPS_INTERNAL, "out of memory");
        list->entries = longer;
    }
    new.note = strdup(new.note);
    if (new.note == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    list->entries[list->n++] = new;
    return CPS_OK;
}

static int compare(const void *a, const void *b)
{
    const struct blocked *left = a, *right = b;

    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strcmp(left->value, right->value);
}

cps_error blocklist_read(const char *path, struct blocklist **ret_list, struct fail *fail)
{
    struct blocklist *list = calloc(1, sizeof *list);
    cps_error error;

    if (list == NULL)
        abort(); /* without a list nobody would be blocked; the supervisor starts the agent again */
    error = lines_read(path, on_line, list, fail);
    if (list->n > 0)
        qsort(list->entries, list->n, sizeof *list->entries, compare);
    *ret_list = list;
    return error;
}

void blocklist_free(struct blocklist *list)
{
    if (list == NULL)
        return;
    for (size_t i = 0; i < list->n; i++)
        free(list->entries[i].note);
    free(list->entries);
    free(list);
}

const struct blocked *blocklist_find(const struct blocklist *list, enum blocked_kind kind,
                                     const char *value)
{
    struct blocked key = {.kind = kind};

    if (list->n == 0 || !blocked_normal(kind, value, key.value))
        return NULL;
    return bsearch(&key, list->entries, list->n, sizeof key, compare);
}
