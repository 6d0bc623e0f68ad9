/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/national_id.h"

#include <stdio.h>
#include <string.h>

#define DIGITS     "0123456789"
#define DIGITS_MIN 8
#define RPPS_LEN   11

bool national_id_valid(const char *text)
{
    size_t len = strnlen(text, NATIONAL_ID_MAX + 1);
    unsigned digits = 0;

    for (size_t i = 0; i < len; i++)
        digits += strchr(DIGITS, text[i]) != NULL ? 1 : 0;
    return len <= NATIONAL_ID_MAX && digits >= DIGITS_MIN && strchr(DIGITS, text[0]) != NULL &&
           strspn(text, DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz/-.") == len;
}

const char *national_id_type(const char *id)
{
    static const struct {
        char digit;
        size_t len; /* digits that follow */
        bool in_structure;
        const char *name;
    } types[] = {
        {'8', RPPS_LEN, false, "RPPS"}, {'0', 9, false, "ADELI"}, {'3', 9, true, "FINESS"},
        {'4', 9, true, "SIREN"},        {'5', 14, true, "SIRET"},
    };
    size_t len = strspn(id, DIGITS);

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (id[0] == types[i].digit && len == types[i].len + 1 &&
            id[len] == (types[i].in_structure ? '/' : '\0'))
            return types[i].name;
    return NULL;
}

bool national_id_normalise(const char *text, char ret_id[static NATIONAL_ID_MAX + 1])
{
    bool rpps = strlen(text) == RPPS_LEN && strspn(text, DIGITS) == RPPS_LEN;

    if (!national_id_valid(text))
        return false;
    snprintf(ret_id, NATIONAL_ID_MAX + 1, "%s%s", rpps ? "8" : "", text);
    return true;
}
