/* SPDX-License-Identifier: Apache-2.0 */
/* EF.TokenInfo: the card's label, and the algorithms without which OpenSC offers nothing. */
#include "p15.h"

enum {
    T_INT = 0x02,
    T_BITS = 0x03,
    T_NULL = 0x05,
    T_UTF8 = 0x0C,
    T_SEQ = 0x30,
    ALGORITHMS_MAX = 6,
};

/* Reference, PKCS#11 mechanism, supportedOperations (unused bits, bits), the card's algRef. */
struct algorithm {
    unsigned ref, mech;
    uint8_t ops[2];
    unsigned alg;
};

#define OP_HASH                                                                                    \
    {                                                                                              \
        1, 0x02                                                                                    \
    }
#define OP_SIGN                                                                                    \
    {                                                                                              \
        6, 0x40                                                                                    \
    }
#define OP_DECIPHER                                                                                \
    {                                                                                              \
        2, 0x04                                                                                    \
    }

/* A zero reference ends a table. */
static const struct algorithm cps3[ALGORITHMS_MAX] = {
    {1, 0x220, OP_HASH, 0x10}, {2, 0x250, OP_HASH, 0x40}, {3, 0x006, OP_SIGN, 0x12},
    {4, 0x040, OP_SIGN, 0x42}, {5, 0x001, OP_SIGN, 0x02}, {6, 0x001, OP_DECIPHER, 0x1A},
};
static const struct algorithm cps4[ALGORITHMS_MAX] = {
    {1, 0x006, OP_SIGN, 0x0A},
    {2, 0x040, OP_SIGN, 0x28},
    {3, 0x043, OP_SIGN, 0x2C},
    {4, 0x003, OP_DECIPHER, 0x00},
};

void p15_token_info(struct der *d, const struct image *im)
{
    static const uint8_t flags[] = {0x06, 0x40};
    const struct algorithm *algs = im->personality == PERSONALITY_CPS4 ? cps4 : cps3;
    char label[32];

    snprintf(label, sizeof(label), "%s-00%s",
             im->personality == PERSONALITY_CPS4 ? "CPS4v1" : "CPS3v3", im->serial);
    size_t seq = der_begin(d, T_SEQ);
    der_int(d, T_INT, 0);
    der_text(d, T_UTF8, "ASIP-SANTE");
    der_text(d, 0x80, label);
    der_tlv(d, T_BITS, flags, sizeof(flags));
    size_t list = der_begin(d, 0xA2);
    for (size_t i = 0; i < ALGORITHMS_MAX && algs[i].ref; i++) {
        size_t alg = der_begin(d, T_SEQ);
        der_int(d, T_INT, algs[i].ref);
        der_int(d, T_INT, algs[i].mech);
        der_tlv(d, T_NULL, NULL, 0);
        der_tlv(d, T_BITS, algs[i].ops, 2);
        der_int(d, T_INT, algs[i].alg);
        der_end(d, alg);
    }
    der_end(d, list);
    der_end(d, seq);
}
