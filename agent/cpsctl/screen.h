/* SPDX-License-Identifier: Apache-2.0 */
/* The one line on standard error that is written anew for as long as something is waited for. */
#ifndef CPSCTL_SCREEN_H
#define CPSCTL_SCREEN_H

#include <stdbool.h>

/* Whether standard error is a terminal on which a line can be written anew: a dumb one cannot. */
bool screen_can_redraw(void);

/*
 * Writes the line anew, the text cut so that it and its end fit in the width of the terminal: of
 * one that went on in the next row only the last row could be erased.
 */
void screen_draw(const char *text, const char *end);

/* Takes the line away, if there is one. */
void screen_erase(void);

#endif
