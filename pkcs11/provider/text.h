/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of fixed size, filled with spaces, as PKCS#11 has them. */
#ifndef PROVIDER_TEXT_H
#define PROVIDER_TEXT_H

#include <stddef.h>
#include <string.h>

/* What does not fit is cut between two characters of UTF-8. */
static inline void text_pad(unsigned char *field, size_t size, const char *text)
{
    size_t len = text != NULL ? strlen(text) : 0;

    if (len > size)
        for (len = size; len > 0 && (text[len] & 0xc0) == 0x80;)
            len--;
    memset(field, ' ', size);
    if (len > 0)
        memcpy(field, text, len);
}

#endif
