/* SPDX-License-Identifier: Apache-2.0 */
/* CPS3. Over contacts both applications are there; over the contactless interface only the one
 * made for it, and no code is known. */
#include "applet.h"
#include "card.h"
#include "cps3_ops.h"
#include "sdo.h"
#include "select.h"

static uint16_t do_verify(struct card *c, const struct apdu *a)
{
    return c->image->contactless ? SW_NO_REFERENCE : card_verify(c, a);
}

static uint16_t do_change(struct card *c, const struct apdu *a)
{
    /* The PUK's rules say that it is never changed. */
    if (a->p1)
        return SW_WRONG_P1P2;
    if (a->p2 != CARD_REF_PIN || c->image->contactless)
        return a->p2 == CARD_REF_PUK ? SW_SECURITY : SW_NO_REFERENCE;
    c->verifies++;
    return pin_change(&c->pin, a->data, a->lc);
}

static uint16_t do_unblock(struct card *c, const struct apdu *a)
{
    if (a->p1 != 0x02)
        return SW_WRONG_P1P2;
    if (a->p2 != CARD_REF_PIN || c->image->contactless)
        return SW_NO_REFERENCE;
    return pin_unblock(&c->pin, &c->puk, a->data, a->lc);
}

static uint16_t execute(struct card *c, const struct apdu *a, struct reply *r)
{
    bool pin_ok = c->pin.verified;

    if ((a->cla & (uint8_t)~CLA_CHAIN) != 0)
        return SW_BAD_CLA;
    if ((a->cla & CLA_CHAIN) && a->ins != INS_PSO)
        return SW_CHAINING;
    switch (a->ins) {
    case INS_SELECT:
        return card_select(c, select_cps3, a, r);
    case INS_READ_BINARY:
        return fs_read(&c->fs, a, pin_ok, r);
    case INS_UPDATE_BINARY:
        return fs_update(&c->fs, a, pin_ok);
    case INS_GET_DATA:
        return sdo_get(&c->fs, &c->pin, &c->puk, a, r);
    case INS_VERIFY:
        return do_verify(c, a);
    case INS_CHANGE:
        return do_change(c, a);
    case INS_RESET_RETRY:
        return do_unblock(c, a);
    case INS_MSE:
        return cps3_set_environment(&c->se, &c->fs, a);
    case INS_GET_CHALLENGE:
        return card_challenge(a, r);
    case INS_INTERNAL_AUTH:
        return cps3_internal_authenticate(&c->se, &c->fs, a, pin_ok, r);
    case INS_PSO:
        return cps3_perform(&c->se, &c->fs, a, pin_ok, r);
    default:
        return SW_BAD_INS;
    }
}

const struct applet APPLET_CPS3 = {.cla = 0x00, .get_response = true, .execute = execute};
