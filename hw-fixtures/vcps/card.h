/* SPDX-License-Identifier: Apache-2.0 */
/* A card in use: its image and what changes. Codes and files survive a reset, as in EEPROM;
 * security environment, selection and verified codes do not. */
#ifndef VCPS_CARD_H
#define VCPS_CARD_H

#include "applet.h"
#include "fs.h"
#include "pin.h"
#include "se.h"

enum {
    CARD_REF_PIN = 1,
    CARD_REF_PUK = 2,
};

struct card {
    struct image *image;
    const struct applet *applet;
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

/* For applets: the commands that are the same on all cards. SELECT by an applet's own rules. */
typedef uint16_t card_select_fn(struct fs *fs, const struct apdu *a, struct reply *r);
uint16_t card_select(struct card *c, card_select_fn *rules, const struct apdu *a, struct reply *r);
uint16_t card_verify(struct card *c, const struct apdu *a);
uint16_t card_challenge(const struct apdu *a, struct reply *r);

#endif
