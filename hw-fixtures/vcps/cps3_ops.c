/* SPDX-License-Identifier: Apache-2.0 */
#include "cps3_ops.h"

#include <string.h>

enum {
    SIGN_DATA_MAX = 102, /* 40 % of the modulus */
    CRT_AUTH = 0xA4,
    CRT_HASH = 0xAA,
    CRT_SIGN = 0xB6,
    CRT_CONFIDENTIALITY = 0xB8,
    ALG_RSA_AUTH = 0x02,
    ALG_SHA1_RSA = 0x12,
    ALG_SHA256_RSA = 0x42,
    ALG_RSA_DECIPHER = 0x1A,
    PADDING_INDICATOR = 0x81,
    CRYPTOGRAM_LEN = 1 + CRYPTO_RSA_LEN,
};

/* A template is a list of one-byte objects: 80 algorithm, 84 or 83 key. */
static bool parse_template(const uint8_t *p, size_t n, struct se_template *ret_template)
{
    struct se_template t = {0};

    for (size_t i = 0; i < n; i += 3) {
        if (n - i < 3 || p[i + 1] != 1)
            return false;
        if (p[i] == 0x80)
            t.alg = p[i + 2];
        else if (p[i] == 0x84 || p[i] == 0x83)
            t.key = p[i + 2];
        else
            return false;
    }
    *ret_template = t;
    return true;
}

uint16_t cps3_set_environment(struct se *se, const struct fs *fs, const struct apdu *a)
{
    struct se_template t, *slot;

    switch (a->p2) {
    case CRT_AUTH:
        slot = &se->auth;
        break;
    case CRT_HASH:
        slot = &se->hash;
        break;
    case CRT_SIGN:
        slot = &se->sign;
        break;
    case CRT_CONFIDENTIALITY:
        slot = &se->confidentiality;
        break;
    default:
        return SW_WRONG_P1P2;
    }
    if (a->p1 != 0x41)
        return SW_WRONG_P1P2;
    if (a->lc == 0 || !parse_template(a->data, a->lc, &t))
        return SW_WRONG_DATA;
    if (a->p2 != CRT_HASH && !se_find_key(fs, t.key))
        return SW_NO_REFERENCE;
    *slot = t;
    return SW_OK;
}

/* The key of a template, if it is of that use and has an algorithm set; the technical key, there
 * for want of a PIN, asks for none. */
static uint16_t use_key(const struct fs *fs, const struct se_template *t, enum key_use use,
                        bool pin_ok, const struct image_key **ret_key)
{
    const struct image_key *key = se_find_key(fs, t->key);

    if (!key || !t->alg)
        return SW_CONDITIONS;
    if (key->use != use || (use != KEY_TECH && !pin_ok))
        return SW_SECURITY;
    *ret_key = key;
    return SW_OK;
}

uint16_t cps3_internal_authenticate(struct se *se, const struct fs *fs, const struct apdu *a,
                                    bool pin_ok, struct reply *r)
{
    const struct image_key *key;

    if (a->p1 || a->p2)
        return SW_WRONG_P1P2;
    enum key_use use = fs->image->contactless ? KEY_TECH : KEY_AUT;
    uint16_t sw = use_key(fs, &se->auth, use, pin_ok, &key);
    if (sw != SW_OK)
        return sw;
    if (se->auth.alg != ALG_RSA_AUTH)
        return SW_CONDITIONS;
    if (a->lc == 0 || a->lc > SIGN_DATA_MAX)
        return SW_WRONG_DATA;
    se->rsa_ops++;
    if (!crypto_sign(key->pkey, a->data, a->lc, r->data))
        return SW_FAILURE;
    r->len = CRYPTO_RSA_LEN;
    return SW_OK;
}

/* 90 L <state, bit count> 80 n <last block>; 90 00 when the whole message fits the last block. */
static uint16_t perform_hash(struct se *se, const struct apdu *a)
{
    enum hash_alg alg = (enum hash_alg)se->hash.alg;
    size_t state_len = crypto_hash_len(alg);
    const uint8_t *p = a->data, *state = NULL;
    uint64_t bits = 0;

    se->digest_alg = HASH_NONE;
    if (state_len == 0)
        return SW_CONDITIONS;
    if (a->lc < 4 || p[0] != 0x90 || (p[1] != 0 && p[1] != state_len + 8))
        return SW_WRONG_DATA;
    size_t at = 2 + (size_t)p[1];
    if (a->lc < at + 2 || p[at] != 0x80 || a->lc != at + 2 + p[at + 1])
        return SW_WRONG_DATA;
    if (p[1]) {
        state = p + 2;
        for (size_t i = 0; i < 8; i++)
            bits = bits << 8 | state[state_len + i];
    }
    if (!crypto_hash_last(alg, state, bits, p + at + 2, p[at + 1], se->digest))
        return SW_WRONG_DATA;
    se->digest_alg = alg;
    return SW_OK;
}

/* Signs the digest just computed on the card, or one given whole. */
static uint16_t perform_signature(struct se *se, const struct fs *fs, const struct apdu *a,
                                  bool pin_ok, struct reply *r)
{
    const struct image_key *key;
    uint16_t sw = use_key(fs, &se->sign, KEY_SIG, pin_ok, &key);

    if (sw != SW_OK)
        return sw;
    if (se->sign.alg != ALG_SHA1_RSA && se->sign.alg != ALG_SHA256_RSA)
        return SW_CONDITIONS;
    enum hash_alg alg = se->sign.alg == ALG_SHA1_RSA ? HASH_SHA1 : HASH_SHA256;
    if (a->lc) {
        if (a->lc != crypto_hash_len(alg))
            return SW_WRONG_LENGTH;
        memcpy(se->digest, a->data, a->lc);
        se->digest_alg = alg;
    }
    if (se->digest_alg != alg)
        return SW_CONDITIONS;
    se->digest_alg = HASH_NONE;
    se->rsa_ops++;
    if (!crypto_sign_hash(key->pkey, alg, se->digest, r->data))
        return SW_FAILURE;
    r->len = CRYPTO_RSA_LEN;
    return SW_OK;
}

static uint16_t perform_decipher(struct se *se, const struct fs *fs, const struct apdu *a,
                                 bool pin_ok, struct reply *r)
{
    const struct image_key *key;
    uint16_t sw = use_key(fs, &se->confidentiality, KEY_AUT, pin_ok, &key);

    if (sw == SW_OK && se->confidentiality.alg != ALG_RSA_DECIPHER)
        sw = SW_CONDITIONS;
    if (sw == SW_OK)
        sw = se_gather(se, a, CRYPTOGRAM_LEN);
    if (sw == SW_OK && (a->cla & CLA_CHAIN))
        return SW_OK;
    size_t n = se->chain_len;
    se->chain_len = 0;
    if (sw != SW_OK)
        return sw;
    if (n != CRYPTOGRAM_LEN || se->chain[0] != PADDING_INDICATOR)
        return SW_WRONG_DATA;
    se->rsa_ops++;
    return crypto_decipher(key->pkey, se->chain + 1, n - 1, r->data, &r->len) ? SW_OK
                                                                              : SW_WRONG_DATA;
}

uint16_t cps3_perform(struct se *se, const struct fs *fs, const struct apdu *a, bool pin_ok,
                      struct reply *r)
{
    bool decipher = a->p1 == 0x80 && a->p2 == 0x86;

    if (!decipher)
        se->chain_len = 0;
    if ((a->cla & CLA_CHAIN) && !decipher)
        return SW_CHAINING;
    if (decipher)
        return perform_decipher(se, fs, a, pin_ok, r);
    if (a->p1 == 0x90 && a->p2 == 0xA0)
        return perform_hash(se, a);
    if (a->p1 == 0x9E && a->p2 == 0x9A)
        return perform_signature(se, fs, a, pin_ok, r);
    return SW_WRONG_P1P2;
}
