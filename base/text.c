/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include <stdint.h>
#include <string.h>

#include "base/util.h"

/* Characters of more than one byte that are refused, as ranges of their UTF-8. */
static const struct {
    uint8_t first[3], last[3];
    size_t len;
} refused[] = {
    {{0xC2, 0x80}, {0xC2, 0x9F}, 2},             /* C1 control characters */
    {{0xD8, 0x9C}, {0xD8, 0x9C}, 2},             /* Arabic letter mark */
    {{0xE2, 0x80, 0x8B}, {0xE2, 0x80, 0x8F}, 3}, /* zero width, left-to-right and opposite marks */
    {{0xE2, 0x80, 0xA8}, {0xE2, 0x80, 0xAE}, 3}, /* line separators, embeddings, overrides */
    {{0xE2, 0x81, 0xA0}, {0xE2, 0x81, 0xAF}, 3}, /* isolates and other invisible ones */
    {{0xEF, 0xBB, 0xBF}, {0xEF, 0xBB, 0xBF}, 3}, /* byte order mark */
};

static bool is_refused(const uint8_t *at, size_t left)
{
    if (at[0] < 0x20 || at[0] == 0x7F)
        return true;
    for (size_t i = 0; at[0] >= 0x80 && i < sizeof refused / sizeof refused[0]; i++)
        if (left >= refused[i].len && memcmp(at, refused[i].first, refused[i].len) >= 0 &&
            memcmp(at, refused[i].last, refused[i].len) <= 0)
            return true;
    return false;
}

static bool is_filling(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\0' || byte == 0xFF;
}

json_t *text_from_outside(const void *bytes, size_t len, size_t max)
{
    const uint8_t *at = bytes;

    while (len > 0 && is_filling(at[0])) {
        at++;
        len--;
    }
    while (len > 0 && is_filling(at[len - 1]))
        len--;
    if (len == 0 || len > max)
        return NULL;
    for (size_t i = 0; i < len; i++)
        if (is_refused(at + i, len - i))
            return NULL;
    return json_stringn((const char *)at, len);
}

bool text_is_plain(const char *text, size_t max)
{
    AUTO_JSON json_t *same = NULL;

    if (text == NULL)
        return false;
    same = text_from_outside(text, strlen(text), max);
    return same != NULL && strcmp(json_string_value(same), text) == 0;
}
