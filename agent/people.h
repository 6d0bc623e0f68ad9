/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who holds the cards that name nobody, on the word of this site: the files people.d/NAME.conf, one
 * a person. They are read at start; a mistake in one of them refuses them all.
 */
#ifndef AGENT_PEOPLE_H
#define AGENT_PEOPLE_H

#include <jansson.h>

#include "base/fail.h"

/* Files in people.d. */
#define PEOPLE_MAX 1024

struct people;

/* Without the directory there is nobody in it. NULL and CPS_CONFIGURATION, with file and line. */
struct people *people_new(const char *directory, struct fail *fail);
void people_free(struct people *people);

/*
 * A new holder with source "mapping", made of what the card's certificate tells (holder) and of who
 * has this card: the one with that serial number, else with the common name of the certificate.
 * NULL: the holder is a person already, or nobody is mapped to this card.
 */
json_t *people_name(const struct people *people, const char *serial, const json_t *holder);

#endif
