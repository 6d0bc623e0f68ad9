/* SPDX-License-Identifier: Apache-2.0 */
/* CPS4 over contacts: everything happens on logical channel 1, open from the start. */
#include "applet.h"
#include "card.h"
#include "cps4_ops.h"
#include "select.h"

enum {
    CHANNEL_1 = 0x01,
    REF_LOCAL = 0x80,
};

/* The old PIN was presented before, or the PUK: the new one comes alone. */
static uint16_t do_change(struct card *c, const struct apdu *a)
{
    if (a->p1 != 0x01)
        return SW_WRONG_P1P2;
    if (a->p2 != CARD_REF_PIN)
        return a->p2 == CARD_REF_PUK ? SW_SECURITY : SW_NO_REFERENCE;
    return pin_replace(&c->pin, &c->puk, a->data, a->lc);
}

/* Gives the tries back, nothing else. */
static uint16_t do_unblock(struct card *c, const struct apdu *a)
{
    if (a->p1 != 0x03)
        return SW_WRONG_P1P2;
    if (a->p2 != (CARD_REF_PIN | REF_LOCAL))
        return SW_NO_REFERENCE;
    return a->lc ? SW_WRONG_LENGTH : pin_restore(&c->pin, &c->puk);
}

static uint16_t execute(struct card *c, const struct apdu *a, struct reply *r)
{
    bool pin_ok = c->pin.verified;

    /* Nothing of ours is on the basic channel. */
    if (a->cla == 0x00 && a->ins == INS_SELECT)
        return SW_NOT_FOUND;
    if ((a->cla & (uint8_t)~CLA_CHAIN) != CHANNEL_1)
        return SW_BAD_CLA;
    if ((a->cla & CLA_CHAIN) && a->ins != INS_PSO)
        return SW_CHAINING;
    switch (a->ins) {
    case INS_SELECT:
        return card_select(c, select_cps4, a, r);
    case INS_READ_BINARY:
        return fs_read(&c->fs, a, pin_ok, r);
    case INS_UPDATE_BINARY:
        return fs_update(&c->fs, a, pin_ok);
    case INS_VERIFY:
        return card_verify(c, a);
    case INS_CHANGE:
        return do_change(c, a);
    case INS_RESET_RETRY:
        return do_unblock(c, a);
    case INS_MSE:
        return cps4_set_environment(&c->se, &c->fs, a);
    case INS_GET_CHALLENGE:
        return card_challenge(a, r);
    case INS_PSO:
        return cps4_perform(&c->se, &c->fs, a, pin_ok, r);
    default:
        return SW_BAD_INS;
    }
}

const struct applet APPLET_CPS4 = {.cla = CHANNEL_1, .get_response = true, .execute = execute};
