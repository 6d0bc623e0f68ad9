/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/form.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/util.h"

static bool unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

bool form_escape(struct buffer *buffer, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    bool ok = true;

    for (; ok && *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        char escaped[3] = {'%', hex[byte >> 4], hex[byte & 15]};

        ok = unreserved(*text) ? buffer_add(buffer, text, 1) : buffer_add(buffer, escaped, 3);
    }
    return ok;
}

bool form_add(struct buffer *buffer, const char *name, const char *value)
{
    char last = buffer->len > 0 ? buffer->data[buffer->len - 1] : '?';

    if (last != '?' && last != '&')
        buffer_add(buffer, "&", 1);
    form_escape(buffer, name);
    buffer_add(buffer, "=", 1);
    return form_escape(buffer, value) && !buffer->failed;
}

bool form_add_int(struct buffer *buffer, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof text, "%" PRId64, value);
    return form_add(buffer, name, text);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Appends the unescaped text; false when an escape is cut or gives a NUL. */
static bool unescape(struct buffer *buffer, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = text[i] == '+' ? ' ' : text[i];

        if (c == '%') {
            int high = len - i > 2 ? hex_digit(text[i + 1]) : -1;
            int low = len - i > 2 ? hex_digit(text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (c == '\0' || !buffer_add(buffer, &c, 1))
            return false;
    }
    return true;
}

int form_find(const char *query, const char *name, size_t max, char **ret_value)
{
    AUTO_BUFFER struct buffer value = BUFFER_INIT(max);
    size_t name_len = strlen(name);
    bool found = false;

    for (const char *at = query; *at != '\0'; at += strspn(at, "&")) {
        size_t len = strcspn(at, "&");

        if (len > name_len && at[name_len] == '=' && memcmp(at, name, name_len) == 0) {
            if (found || !unescape(&value, at + name_len + 1, len - name_len - 1))
                return -1;
            found = true;
        }
        at += len;
    }
    if (!found)
        return 0;
    *ret_value = buffer_take(&value);
    return *ret_value != NULL ? 1 : -1;
}
