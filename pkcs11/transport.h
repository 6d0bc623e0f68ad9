/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to one card in one reader, as a table of functions: PC/SC in the product
 * (pkcs11/pcsc_card.h), a scripted card in tests. Calls may block for as long as another program
 * or the card wants: the process that makes them must be one that can be killed.
 */
#ifndef PKCS11_TRANSPORT_H
#define PKCS11_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

#define TRANSPORT_ATR_MAX 33

enum transport_protocol { TRANSPORT_T0, TRANSPORT_T1 };

struct transport;
struct file_memory;

/* What a reader with keys of its own can do (pkcs11/pin_pad.h); bits. */
enum transport_pad { TRANSPORT_PAD_VERIFY = 1 << 0, TRANSPORT_PAD_MODIFY = 1 << 1 };

struct transport_ops {
    /* Takes the card for oneself. A reset by another program since the last time is made good. */
    cps_error (*begin)(struct transport *transport, struct fail *fail);
    void (*end)(struct transport *transport);
    /* One command, one answer of at most size bytes, its two status bytes included. */
    cps_error (*transmit)(struct transport *transport, const uint8_t *command, size_t len,
                          uint8_t *answer, size_t size, size_t *ret_len, struct fail *fail);
    /* Resets the card. Inside begin and end only. */
    cps_error (*reset)(struct transport *transport, struct fail *fail);
    void (*free)(struct transport *transport);

    /* Runs one of its pads with that block, until somebody has typed; NULL: no pads. Inside begin
     * and end only. */
    cps_error (*pad)(struct transport *transport, enum transport_pad pad, const uint8_t *block,
                     size_t len, uint8_t *answer, size_t size, size_t *ret_len, struct fail *fail);

    /* What follows may be NULL: no PKCS#11 module can drive the card behind this transport. */

    /*
     * From now on a PKCS#11 module of this process drives the card, with connections and
     * transactions of its own: begin holds nothing, it only tells what became of the card (removal,
     * or a reset, by the generation), and transmit is refused.
     */
    void (*step_aside)(struct transport *transport);
    /* Whether the card was taken out; waits a little for the reader to find out. */
    bool (*is_gone)(struct transport *transport);
};

struct transport {
    const struct transport_ops *ops;
    enum transport_protocol protocol;
    uint8_t atr[TRANSPORT_ATR_MAX];
    size_t atr_len;
    unsigned pads; /* enum transport_pad */
    /* Logical channel of every command (ISO 7816-4 section 5.4.1); the driver that knows the card
     * sets it. */
    uint8_t channel;
    /* What was read of this card before (pkcs11/file_memory.h); of the driver that makes use of it,
     * NULL when none does. */
    struct file_memory *memory;
    /* Grows with each begin, from 1: while it stays, nobody else has come to the card. */
    unsigned transactions;
    /* Grows with each reset, whoever did it: what the card had selected or verified is gone. */
    unsigned generation;
};

/* NULL is fine. */
static inline void transport_free(struct transport *transport)
{
    if (transport != NULL)
        transport->ops->free(transport);
}

#endif
