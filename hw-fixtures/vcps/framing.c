/* SPDX-License-Identifier: Apache-2.0 */
#include "framing.h"

#include <string.h>

void framing_reset(struct framing *f)
{
    f->at = f->len = 0;
}

static size_t answer(uint8_t *out, const uint8_t *data, size_t n, size_t sw)
{
    if (n)
        memcpy(out, data, n);
    out[n] = hi8(sw);
    out[n + 1] = lo8(sw);
    return n + 2;
}

/* 61xx: xx bytes wait, 00 when 256 or more. */
static size_t more_sw(size_t left)
{
    return SW_MORE | (left >= 256 ? 0 : left);
}

static size_t get_response(struct framing *f, size_t le, uint8_t *out)
{
    size_t left = f->len - f->at;

    if (left == 0)
        return answer(out, NULL, 0, SW_CONDITIONS);
    if (le > left)
        return answer(out, NULL, 0, SW_EXACT_LE | left);
    const uint8_t *from = f->pending + f->at;
    f->at += le;
    left -= le;
    return answer(out, from, le, left ? more_sw(left) : SW_OK);
}

static size_t hold(struct framing *f, const struct reply *r, size_t from)
{
    f->at = 0;
    f->len = r->len - from;
    memcpy(f->pending, r->data + from, f->len);
    return more_sw(f->len);
}

/* Under T=0 a command that carries data cannot answer data at once: they come by GET RESPONSE. So
 * does a signature over a hash computed before, whose P3 of 00 is no expected length. */
static size_t frame_t0(struct framing *f, const struct apdu *a, const struct reply *r, uint8_t *out)
{
    if (r->len && a->ins != INS_READ_BINARY && a->ins != INS_GET_CHALLENGE)
        return answer(out, NULL, 0, hold(f, r, 0));
    return answer(out, r->data, r->len, r->sw);
}

/* Under T=1 the answer holds the data if an Le field asks for them. 61xx is left for the one
 * answer that a short Le cannot hold, a public key object. */
static size_t frame_t1(struct framing *f, const struct apdu *a, const struct reply *r, uint8_t *out)
{
    size_t n = a->le < r->len ? a->le : r->len;

    if (a->le == 0 || r->len <= a->le)
        return answer(out, r->data, n, r->sw);
    if (a->le < LE_MAX_SHORT)
        return answer(out, NULL, 0, SW_EXACT_LE | (r->len < LE_MAX_SHORT ? r->len : 0));
    return answer(out, r->data, n, hold(f, r, n));
}

size_t framing_exchange(struct framing *f, struct card *c, const uint8_t *msg, size_t n,
                        uint8_t out[FRAME_MAX])
{
    struct apdu a;
    struct reply r;
    unsigned protocol = c->image->protocol;
    uint16_t sw = apdu_parse(msg, n, protocol, &a);

    if (sw != SW_OK) {
        framing_reset(f);
        return answer(out, NULL, 0, sw);
    }
    if (a.ins == INS_GET_RESPONSE && c->applet->get_response) {
        if ((a.cla & (uint8_t)~CLA_CHAIN) != c->applet->cla)
            return answer(out, NULL, 0, SW_BAD_CLA);
        if (a.p1 || a.p2 || a.lc)
            return answer(out, NULL, 0, SW_WRONG_P1P2);
        return get_response(f, a.le ? a.le : LE_MAX_SHORT, out);
    }
    framing_reset(f);
    if (protocol == 0 && a.ins == INS_PSO && a.lc == 0)
        a.le = 0; /* P3 = 00 is an empty command body here, not an expected length */
    card_execute(c, &a, &r);
    return protocol == 0 ? frame_t0(f, &a, &r, out) : frame_t1(f, &a, &r, out);
}
