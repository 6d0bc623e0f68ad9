/* SPDX-License-Identifier: Apache-2.0 */
#include "cps4_ops.h"

enum {
    CRT_SIGN = 0xB6,
    CRT_CONFIDENTIALITY = 0xB8,
    TAG_ALGORITHM_AND_KEY = 0x91,
    TAG_KEY = 0x83,
    KEY_SIGNS_A_DIGEST = 0x80, /* set beside the key's reference */
};

static const struct algorithm {
    uint8_t reference;
    enum hash_alg hash;
    bool (*sign)(EVP_PKEY *pkey, enum hash_alg alg, const uint8_t *hash,
                 uint8_t out[CRYPTO_RSA_LEN]);
} algorithms[] = {
    {0x0A, HASH_SHA1, crypto_sign_hash},
    {0x28, HASH_SHA256, crypto_sign_hash},
    {0x2C, HASH_SHA256, crypto_sign_pss},
};

static const struct algorithm *find_algorithm(uint8_t reference)
{
    for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
        if (algorithms[i].reference == reference)
            return &algorithms[i];
    return NULL;
}

/* 91 02 algorithm key */
static uint16_t set_signature(struct se *se, const struct fs *fs, const struct apdu *a)
{
    const uint8_t *p = a->data;

    if (a->lc != 4 || p[0] != TAG_ALGORITHM_AND_KEY || p[1] != 2 || !(p[3] & KEY_SIGNS_A_DIGEST))
        return SW_WRONG_DATA;
    uint8_t key = p[3] & (uint8_t)~KEY_SIGNS_A_DIGEST;
    if (!find_algorithm(p[2]) || !se_find_key(fs, key))
        return SW_NO_REFERENCE;
    se->sign = (struct se_template){key, p[2]};
    return SW_OK;
}

/* 83 01 key */
static uint16_t set_decipherment(struct se *se, const struct fs *fs, const struct apdu *a)
{
    if (a->lc != 3 || a->data[0] != TAG_KEY || a->data[1] != 1)
        return SW_WRONG_DATA;
    if (!se_find_key(fs, a->data[2]))
        return SW_NO_REFERENCE;
    se->confidentiality = (struct se_template){.key = a->data[2]};
    se->chain_len = 0;
    return SW_OK;
}

uint16_t cps4_set_environment(struct se *se, const struct fs *fs, const struct apdu *a)
{
    if (a->p1 == 0x81 && a->p2 == CRT_SIGN)
        return set_signature(se, fs, a);
    if (a->p1 == 0x41 && a->p2 == CRT_CONFIDENTIALITY)
        return set_decipherment(se, fs, a);
    return SW_WRONG_P1P2;
}

static uint16_t perform_signature(struct se *se, const struct fs *fs, const struct apdu *a,
                                  bool pin_ok, struct reply *r)
{
    const struct image_key *key = se_find_key(fs, se->sign.key);
    const struct algorithm *alg = find_algorithm(se->sign.alg);

    if (!key || !alg)
        return SW_CONDITIONS;
    if (!pin_ok)
        return SW_SECURITY;
    if (a->lc != crypto_hash_len(alg->hash))
        return SW_WRONG_LENGTH;
    se->rsa_ops++;
    if (!alg->sign(key->pkey, alg->hash, a->data, r->data))
        return SW_FAILURE;
    r->len = CRYPTO_RSA_LEN;
    return SW_OK;
}

/* Padding is the host's business, both ways: a whole block in, a whole block out. */
static uint16_t perform_decipherment(struct se *se, const struct fs *fs, const struct apdu *a,
                                     bool pin_ok, struct reply *r)
{
    const struct image_key *key = se_find_key(fs, se->confidentiality.key);
    uint16_t sw = !key                             ? SW_CONDITIONS
                  : key->use != KEY_AUT || !pin_ok ? SW_SECURITY
                                                   : se_gather(se, a, CRYPTO_RSA_LEN);

    if (sw == SW_OK && (a->cla & CLA_CHAIN))
        return SW_OK;
    size_t n = se->chain_len;
    se->chain_len = 0;
    if (sw != SW_OK)
        return sw;
    if (n != CRYPTO_RSA_LEN)
        return SW_WRONG_LENGTH;
    se->rsa_ops++;
    if (!crypto_raw(key->pkey, se->chain, r->data))
        return SW_WRONG_DATA;
    r->len = CRYPTO_RSA_LEN;
    return SW_OK;
}

uint16_t cps4_perform(struct se *se, const struct fs *fs, const struct apdu *a, bool pin_ok,
                      struct reply *r)
{
    if (a->p1 == 0x80 && a->p2 == 0x86)
        return perform_decipherment(se, fs, a, pin_ok, r);
    se->chain_len = 0;
    if (a->cla & CLA_CHAIN)
        return SW_CHAINING;
    if (a->p1 == 0x9E && a->p2 == 0x9A)
        return perform_signature(se, fs, a, pin_ok, r);
    return SW_WRONG_P1P2;
}
