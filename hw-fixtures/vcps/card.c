/* SPDX-License-Identifier: Apache-2.0 */
#include "card.h"

#include <sys/random.h>

#include "sdo.h"

enum {
    PIN_TRIES = 3,
    PUK_TRIES = 10,
    PUK_USES = 100,
    REF_PIN = 1,
    REF_PUK = 2,
};

struct card *card_new(struct image *im)
{
    struct card *c = calloc(1, sizeof(*c));

    if (!c) {
        image_free(im);
        return NULL;
    }
    c->image = im;
    if (!fs_init(&c->fs, im)) {
        card_free(c);
        return NULL;
    }
    pin_init(&c->pin, im->pin, PIN_TRIES, PIN_UNLIMITED);
    pin_init(&c->puk, im->puk, PUK_TRIES, PUK_USES);
    return c;
}

void card_free(struct card *c)
{
    if (!c)
        return;
    fs_done(&c->fs);
    image_free(c->image);
    free(c);
}

void card_reset(struct card *c)
{
    fs_reset(&c->fs);
    se_clear(&c->se);
    c->pin.verified = false;
    c->puk.verified = false;
}

static struct pin *code(struct card *c, uint8_t reference)
{
    return reference == REF_PIN ? &c->pin : reference == REF_PUK ? &c->puk : NULL;
}

static uint16_t do_verify(struct card *c, const struct apdu *a)
{
    struct pin *p = code(c, a->p2);

    if (a->p1)
        return SW_WRONG_P1P2;
    if (!p)
        return SW_NO_REFERENCE;
    if (a->lc)
        c->verifies++;
    return pin_verify(p, a->data, a->lc);
}

static uint16_t do_change(struct card *c, const struct apdu *a)
{
    /* The PUK's rules say that it is never changed. */
    if (a->p1)
        return SW_WRONG_P1P2;
    if (a->p2 != REF_PIN)
        return a->p2 == REF_PUK ? SW_SECURITY : SW_NO_REFERENCE;
    c->verifies++;
    return pin_change(&c->pin, a->data, a->lc);
}

static uint16_t do_unblock(struct card *c, const struct apdu *a)
{
    if (a->p1 != 0x02)
        return SW_WRONG_P1P2;
    if (a->p2 != REF_PIN)
        return SW_NO_REFERENCE;
    return pin_unblock(&c->pin, &c->puk, a->data, a->lc);
}

static uint16_t do_challenge(const struct apdu *a, struct reply *r)
{
    if (a->p1 || a->p2)
        return SW_WRONG_P1P2;
    if (a->lc || a->le == 0 || a->le > LE_MAX_SHORT)
        return SW_WRONG_LENGTH;
    r->len = a->le;
    return getrandom(r->data, r->len, 0) == (ssize_t)r->len ? SW_OK : SW_FAILURE;
}

static uint16_t do_select(struct card *c, const struct apdu *a, struct reply *r)
{
    uint16_t df = c->fs.df;
    uint16_t sw = fs_select(&c->fs, a, r);

    /* Local keys go out of reach with their application, so does what was set up for them. */
    if (c->fs.df != df)
        se_clear(&c->se);
    return sw;
}

static uint16_t run(struct card *c, const struct apdu *a, struct reply *r)
{
    bool pin_ok = c->pin.verified;

    if ((a->cla & (uint8_t)~0x10) != 0)
        return SW_BAD_CLA;
    if (a->cla == 0x10 && a->ins != INS_PSO)
        return SW_CHAINING;
    switch (a->ins) {
    case INS_SELECT:
        return do_select(c, a, r);
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
        return se_set(&c->se, &c->fs, a);
    case INS_GET_CHALLENGE:
        return do_challenge(a, r);
    case INS_INTERNAL_AUTH:
        return se_internal_authenticate(&c->se, &c->fs, a, pin_ok, r);
    case INS_PSO:
        return se_perform(&c->se, &c->fs, a, pin_ok, r);
    default:
        return SW_BAD_INS;
    }
}

void card_execute(struct card *c, const struct apdu *a, struct reply *r)
{
    r->len = 0;
    if (c->image->personality == PERSONALITY_CPS3)
        r->sw = run(c, a, r);
    else
        r->sw = a->ins == INS_SELECT ? SW_NOT_FOUND : SW_BAD_INS;
    if (r->sw != SW_OK && r->sw != SW_END_OF_FILE)
        r->len = 0;
}
