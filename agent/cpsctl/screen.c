/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/screen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80
#define ERASE           "\r\033[K"

static bool drawn; /* there is one standard error */

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

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; *text != '\0'; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void screen_draw(const char *text, const char *end)
{
    size_t width = columns() - 1;
    size_t tail = characters(end);

    fputs(ERASE, stderr);
    fwrite(text, 1, bytes_of(text, tail < width ? width - tail : 0), stderr);
    fwrite(end, 1, bytes_of(end, width), stderr);
    fflush(stderr);
    drawn = true;
}

void screen_erase(void)
{
    if (drawn)
        fputs(ERASE, stderr);
    drawn = false;
}
