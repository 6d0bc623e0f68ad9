/* SPDX-License-Identifier: Apache-2.0 */
#include "card.h"

#include <sys/random.h>

enum {
    PIN_TRIES = 3,
    PUK_TRIES = 10,
    PUK_USES = 100,
};

static const struct applet *applet_of(const struct image *im)
{
    switch (im->personality) {
    case PERSONALITY_CPS3:
        return &APPLET_CPS3;
    case PERSONALITY_CPS4:
        return &APPLET_CPS4;
    case PERSONALITY_FOREIGN:
    case PERSONALITY_MUTE: /* which never gets to execute anything */
        break;
    }
    return &APPLET_FOREIGN;
}

struct card *card_new(struct image *im)
{
    struct card *c = calloc(1, sizeof(*c));

    if (!c) {
        image_free(im);
        return NULL;
    }
    c->image = im;
    c->applet = applet_of(im);
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
    return reference == CARD_REF_PIN ? &c->pin : reference == CARD_REF_PUK ? &c->puk : NULL;
}

uint16_t card_verify(struct card *c, const struct apdu *a)
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

uint16_t card_challenge(const struct apdu *a, struct reply *r)
{
    if (a->p1 || a->p2)
        return SW_WRONG_P1P2;
    if (a->lc || a->le == 0 || a->le > LE_MAX_SHORT)
        return SW_WRONG_LENGTH;
    r->len = a->le;
    return getrandom(r->data, r->len, 0) == (ssize_t)r->len ? SW_OK : SW_FAILURE;
}

uint16_t card_select(struct card *c, card_select_fn *rules, const struct apdu *a, struct reply *r)
{
    uint16_t df = c->fs.df;
    uint16_t sw = rules(&c->fs, a, r);

    /* Local keys go out of reach with their application, so does what was set up for them. */
    if (c->fs.df != df)
        se_clear(&c->se);
    return sw;
}

void card_execute(struct card *c, const struct apdu *a, struct reply *r)
{
    r->len = 0;
    r->sw = c->applet->execute(c, a, r);
    if (r->sw != SW_OK && r->sw != SW_END_OF_FILE)
        r->len = 0;
}
