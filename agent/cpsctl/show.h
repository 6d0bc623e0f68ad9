/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes of the API in words, on standard output. Strings come from outside: made safe. */
#ifndef CPSCTL_SHOW_H
#define CPSCTL_SHOW_H

#include <jansson.h>

/* A session, or that nobody is logged in when it is null. */
void show_session(const json_t *session);

/* A card, one line. */
void show_card(const json_t *card);

#endif
