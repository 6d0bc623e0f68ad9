/* SPDX-License-Identifier: Apache-2.0 */
/* Large digits for the number to be chosen on the phone. */
#ifndef CPSCTL_DIGITS_H
#define CPSCTL_DIGITS_H

#include <stdio.h>

/* Draws the digits of a text, other characters left out. */
void digits_draw(FILE *stream, const char *text);

#endif
