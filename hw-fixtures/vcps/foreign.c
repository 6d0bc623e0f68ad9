/* SPDX-License-Identifier: Apache-2.0 */
/* A card that is not a CPS: it has no file and no command that we could want. */
#include "applet.h"

static uint16_t execute(struct card *c, const struct apdu *a, struct reply *r)
{
    (void)c;
    (void)r;
    return a->ins == INS_SELECT ? SW_NOT_FOUND : SW_BAD_INS;
}

const struct applet APPLET_FOREIGN = {.execute = execute};
