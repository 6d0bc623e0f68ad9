/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes of the API in words, on standard output. Strings come from outside: made safe. */
#ifndef CPSCTL_SHOW_H
#define CPSCTL_SHOW_H

#include <jansson.h>

/* A session, or that nobody is logged in when it is null. */
void show_session(const json_t *session);

/* A card, one line. */
void show_card(const json_t *card);

/* policy.pin of status: how long a PIN typed once serves, and for which cards one does now. */
void show_pin_policy(const json_t *policy);

#endif
