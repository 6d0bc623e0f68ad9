/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80

bool screen_can_redraw(void)
{
    const char *term = getenv("TERM");

    return isatty(STDERR_FILENO) == 1 && (term == NULL || strcmp(term, "dumb") != 0);
}

static size_t columns(void)
{
    struct winsize size;

    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : COLUMNS_DEFAULT;
}

/* Bytes of the beginning of an UTF-8 text that has so many characters at most. */
static size_t bytes_of(const char *text, size_t characters)
{
    size_t len = 0;

    for (; text[len] != '\0'; len++)
        if (((unsigned char)text[len] & 0xc0) != 0x80 && characters-- == 0)
            break;
    return len;
}

void screen_draw(const char *text)
{
    size_t width = columns();

    screen_erase();
    fwrite(text, 1, bytes_of(text, width > 1 ? width - 1 : 1), stderr);
    fflush(stderr);
}

void screen_erase(void)
{
    fputs("\r\033[K", stderr);
}
