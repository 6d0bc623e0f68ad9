/* SPDX-License-Identifier: Apache-2.0 */
/* The card's end of vpcd's wire: messages of a two-byte big-endian length and their bytes, over a
 * TCP connection to loopback. vpcd takes a connection for a card in the slot. */
#ifndef VCPS_VPCD_H
#define VCPS_VPCD_H

#include "apdu.h"

enum vpcd_control {
    VPCD_POWER_OFF = 0,
    VPCD_POWER_ON = 1,
    VPCD_RESET = 2,
    VPCD_ATR = 4,
};

/* LEAVING: our end is shut; at its next exchange vpcd notices, closes, and we are DOWN. A new
 * connection is made only then. `noticed` tells that this exchange was a look of pcscd's at the
 * slot, which it found empty; any other leaves it to find out at its next look. */
enum vpcd_state { VPCD_DOWN, VPCD_CONNECTING, VPCD_UP, VPCD_LEAVING };

struct vpcd {
    uint16_t port;
    enum vpcd_state state;
    int fd;
    bool noticed;
    size_t in_len;
    uint8_t in[2 + MESSAGE_MAX];
};

void vpcd_init(struct vpcd *v, uint16_t port);
void vpcd_done(struct vpcd *v);

/* Starts a connection when DOWN. False when the reader is not there (yet): try again later. */
bool vpcd_connect(struct vpcd *v);

/* What to poll `fd` for, and what to do with what poll found. */
short vpcd_events(const struct vpcd *v);
void vpcd_handle(struct vpcd *v, short revents);

/* The next whole message, valid until vpcd_consume(). */
bool vpcd_message(const struct vpcd *v, const uint8_t **ret_msg, size_t *ret_len);
void vpcd_consume(struct vpcd *v);

/* Sends a message announced as `n` bytes long, of which the first `part` are really sent. */
void vpcd_send(struct vpcd *v, const uint8_t *msg, size_t n, size_t part);

/* When UP; otherwise does nothing. */
void vpcd_leave(struct vpcd *v);

#endif
