/* SPDX-License-Identifier: Apache-2.0 */
/* What distinguishes a generation of cards to whoever talks to it. Files, codes and keys are the
 * card's; an applet says how they are reached. */
#ifndef VCPS_APPLET_H
#define VCPS_APPLET_H

#include "apdu.h"

struct card;

struct applet {
    uint8_t cla;       /* class of its commands, CLA_CHAIN aside */
    bool get_response; /* knows GET RESPONSE, which framing.h executes */
    /* Executes one command; the answer's data are whole. */
    uint16_t (*execute)(struct card *c, const struct apdu *a, struct reply *r);
};

extern const struct applet APPLET_CPS3, APPLET_CPS4;
extern const struct applet APPLET_FOREIGN; /* knows nothing, but answers */

#endif
