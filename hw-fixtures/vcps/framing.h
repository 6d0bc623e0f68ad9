/* SPDX-License-Identifier: Apache-2.0 */
/* Between a card and its terminal: T=0 cuts answers up (61xx, GET RESPONSE, 6Cxx), T=1 gives them
 * in the answer itself. */
#ifndef VCPS_FRAMING_H
#define VCPS_FRAMING_H

#include "card.h"

enum {
    FRAME_MAX = REPLY_MAX + 2,
};

struct framing {
    uint8_t pending[REPLY_MAX]; /* what GET RESPONSE may fetch */
    size_t at, len;
};

void framing_reset(struct framing *f);

/* One exchange: a message as the terminal sent it, the answer with its status word in `out`.
 * Returns the answer's length. */
size_t framing_exchange(struct framing *f, struct card *c, const uint8_t *msg, size_t n,
                        uint8_t out[FRAME_MAX]);

#endif
