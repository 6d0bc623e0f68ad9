/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/digits.h"

#include <ctype.h>

#define ROWS    5
#define COLUMNS 3

/* A row of a digit is three bits, the left one highest. */
static const unsigned char shapes[10][ROWS] = {
    {7, 5, 5, 5, 7}, {2, 6, 2, 2, 7}, {7, 1, 7, 4, 7}, {7, 1, 7, 1, 7}, {5, 5, 7, 1, 1},
    {7, 4, 7, 1, 7}, {7, 4, 7, 5, 7}, {7, 1, 1, 1, 1}, {7, 5, 7, 5, 7}, {7, 5, 7, 1, 7},
};

static void draw_row(FILE *stream, const char *text, int row)
{
    fputs("    ", stream);
    for (; *text != '\0'; text++) {
        if (!isdigit((unsigned char)*text))
            continue;
        for (int bit = COLUMNS - 1; bit >= 0; bit--)
            fputs((shapes[*text - '0'][row] >> bit & 1) != 0 ? "██" : "  ", stream);
        fputs("   ", stream);
    }
    fputc('\n', stream);
}

void digits_draw(FILE *stream, const char *text)
{
    fputc('\n', stream);
    for (int row = 0; row < ROWS; row++)
        draw_row(stream, text, row);
    fputc('\n', stream);
}
