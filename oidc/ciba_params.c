/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/ciba_params.h"

#include <stdio.h>
#include <string.h>

#define DIGITS   "0123456789"
#define RPPS_LEN 11

bool ciba_identifier_valid(const char *text)
{
    size_t len = strnlen(text, CIBA_IDENTIFIER_MAX + 1);

    return len > 0 && len <= CIBA_IDENTIFIER_MAX &&
           strspn(text, DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz/") == len;
}

bool ciba_binding_valid(const char *text)
{
    return strlen(text) == 2 && strspn(text, DIGITS) == 2;
}

bool ciba_channel_valid(const char *text)
{
    return strcmp(text, "MOBILE") == 0 || strcmp(text, "CARD") == 0;
}

bool ciba_normalise(const char *text, char hint[static CIBA_IDENTIFIER_MAX + 1])
{
    bool rpps = strlen(text) == RPPS_LEN && strspn(text, DIGITS) == RPPS_LEN;

    if (!ciba_identifier_valid(text))
        return false;
    snprintf(hint, CIBA_IDENTIFIER_MAX + 1, "%s%s", rpps ? "8" : "", text);
    return true;
}

static int64_t clamp(int64_t value, int64_t max)
{
    if (value < 1)
        return 1;
    return value < max ? value : max;
}

int64_t ciba_clamp_expires(int64_t seconds)
{
    return clamp(seconds, CIBA_EXPIRES_MAX_S);
}

int64_t ciba_clamp_interval(int64_t seconds)
{
    return clamp(seconds, CIBA_INTERVAL_MAX_S);
}
