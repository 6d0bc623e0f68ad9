/* SPDX-License-Identifier: Apache-2.0 */
/* A card in use: its image and what changes. Codes and files survive a reset, as in EEPROM;
 * security environment, selection and verified codes do not. */
#ifndef VCPS_CARD_H
#define VCPS_CARD_H

#include "fs.h"
#include "pin.h"
#include "se.h"

struct card {
    struct image *image;
    struct fs fs;
    struct pin pin, puk;
    struct se se;
    uint64_t verifies; /* non-empty presentations of a code */
};

/* Takes the image over, also on failure. */
struct card *card_new(struct image *im);
void card_free(struct card *c);

void card_reset(struct card *c);

/* Executes one command; the answer's data are whole, cutting them up is framing's work. */
void card_execute(struct card *c, const struct apdu *a, struct reply *r);

#endif
