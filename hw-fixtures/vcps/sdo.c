/* SPDX-License-Identifier: Apache-2.0 */
#include "sdo.h"

#include <openssl/core_names.h>
#include <string.h>

enum {
    CLASS_PIN = 0x01,
    CLASS_PRIVATE = 0x10,
    CLASS_PUBLIC = 0x20,
    CLASS_SE = 0x7B,
    TAG_DOCP = 0xA0,
    TAG_PIN_VALUE = 0x7F41,
    TAG_PRIVATE_VALUE = 0x7F48,
    TAG_PUBLIC_VALUE = 0x7F49,
    LOCAL = 0x80,
};

/* 4D L 70 L BF cc rr L tag 80, the tag on one or two bytes. */
struct request {
    uint8_t class, local, reference;
    unsigned tag;
};

static bool parse_request(const uint8_t *p, size_t n, struct request *ret_request)
{
    if (n < 10 || p[0] != 0x4D || p[1] != n - 2 || p[2] != 0x70 || p[3] != n - 4 || p[4] != 0xBF ||
        p[7] != n - 8 || p[n - 1] != 0x80)
        return false;
    ret_request->local = p[5] & LOCAL;
    ret_request->class = p[5] & 0x7F;
    ret_request->reference = p[6];
    if (n == 10)
        ret_request->tag = p[8];
    else if (n == 11)
        ret_request->tag = be16(p + 8);
    else
        return false;
    return true;
}

static void put_u8(struct der *d, unsigned tag, uint8_t v)
{
    der_tlv(d, tag, &v, 1);
}

static void put_code(struct der *d, const struct pin *p, const uint8_t *rules, size_t n)
{
    size_t docp = der_begin(d, TAG_DOCP);

    put_u8(d, 0x9A, (uint8_t)p->tries_max);
    put_u8(d, 0x9B, (uint8_t)p->tries_left);
    if (p->uses_left != PIN_UNLIMITED) {
        const uint8_t uses[2] = {hi8((size_t)p->uses_left), lo8((size_t)p->uses_left)};
        der_tlv(d, 0x9D, uses, sizeof(uses));
    }
    size_t acl = der_begin(d, 0xA1);
    der_tlv(d, 0x8C, rules, n);
    der_end(d, acl);
    der_end(d, docp);
}

static uint16_t get_code(struct der *d, const struct request *q, const struct pin *pin,
                         const struct pin *puk)
{
    static const uint8_t pin_rules[] = {0xF3, 0x00, 0x00, 0x13, 0xFF, 0x00};
    static const uint8_t puk_rules[] = {0xF3, 0xFF, 0x00, 0xFF, 0xFF, 0x00};

    if (q->reference != 1 && q->reference != 2)
        return SW_NO_REFERENCE;
    if (q->tag != TAG_DOCP)
        return SW_WRONG_DATA;
    if (q->reference == 1)
        put_code(d, pin, pin_rules, sizeof(pin_rules));
    else
        put_code(d, puk, puk_rules, sizeof(puk_rules));
    return SW_OK;
}

static const struct image_key *find_key(const struct fs *fs, const struct request *q)
{
    const struct image_app *app = fs_current_app(fs);

    for (size_t i = 0; app && i < app->n_keys; i++)
        if ((app->keys[i].reference & 0x1F) == q->reference)
            return &app->keys[i];
    return NULL;
}

/* The conditions over contacts, then, where there are any, those without. */
static void put_key_docp(struct der *d, const uint8_t contact[7], const uint8_t *contactless,
                         bool private_key)
{
    static const uint8_t size[] = {0x01, 0x00};
    size_t docp = der_begin(d, TAG_DOCP);
    size_t acl = der_begin(d, 0xA1);

    der_tlv(d, 0x8C, contact, 7);
    if (contactless)
        der_tlv(d, 0x9C, contactless, 7);
    der_end(d, acl);
    der_tlv(d, 0x80, size, sizeof(size));
    if (private_key)
        put_u8(d, 0x9E, 0x00);
    der_end(d, docp);
}

static uint16_t get_private_key(struct der *d, const struct request *q, const struct image_key *key)
{
    static const uint8_t sig[] = {0x7B, 0x11, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    static const uint8_t aut[] = {0x7B, 0xFF, 0x11, 0x11, 0xFF, 0xFF, 0x00};
    static const uint8_t tech[] = {0x7B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    static const uint8_t tech_cl[] = {0x7B, 0xFF, 0x00, 0xFF, 0xFF, 0xFF, 0x00};
    const uint8_t *rules = key->use == KEY_SIG ? sig : key->use == KEY_AUT ? aut : tech;

    if (q->tag != TAG_DOCP)
        return SW_WRONG_DATA;
    put_key_docp(d, rules, key->use == KEY_TECH ? tech_cl : NULL, true);
    return SW_OK;
}

static uint16_t get_public_key(struct der *d, const struct request *q, const struct image_key *key)
{
    static const uint8_t rules[] = {0x7B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};
    static const uint8_t exponent[] = {0x01, 0x00, 0x01};
    uint8_t modulus[256];
    BIGNUM *n = NULL;

    if (q->tag == TAG_DOCP) {
        put_key_docp(d, rules, NULL, false);
        return SW_OK;
    }
    if (q->tag != TAG_PUBLIC_VALUE)
        return SW_WRONG_DATA;
    bool ok = EVP_PKEY_get_bn_param(key->pkey, OSSL_PKEY_PARAM_RSA_N, &n) &&
              BN_bn2binpad(n, modulus, sizeof(modulus)) == sizeof(modulus);
    BN_free(n);
    if (!ok)
        return SW_FAILURE;
    size_t value = der_begin(d, TAG_PUBLIC_VALUE);
    der_tlv(d, 0x81, modulus, sizeof(modulus));
    der_tlv(d, 0x82, exponent, sizeof(exponent));
    der_end(d, value);
    return SW_OK;
}

/* Security environments 1 (under the PIN) and 3 (under the PUK) exist, in the MF only. */
static uint16_t get_environment(struct der *d, const struct request *q)
{
    if (q->reference != 1 && q->reference != 3)
        return SW_NO_REFERENCE;
    size_t se = der_begin(d, 0x7B);
    size_t at = der_begin(d, 0xA4);
    put_u8(d, 0x95, 0x08);
    put_u8(d, 0x83, q->reference == 1 ? 0x01 : 0x02);
    der_end(d, at);
    der_end(d, se);
    return SW_OK;
}

static uint16_t dispatch(struct der *d, const struct request *q, const struct fs *fs,
                         const struct pin *pin, const struct pin *puk)
{
    const struct image_key *key = find_key(fs, q);

    if (q->class == CLASS_PIN) /* no code without contacts */
        return fs->df == FS_MF && !fs->image->contactless ? get_code(d, q, pin, puk)
                                                          : SW_NO_REFERENCE;
    if (q->class == CLASS_SE)
        return fs->df == FS_MF ? get_environment(d, q) : SW_NO_REFERENCE;
    if (q->class == CLASS_PRIVATE && key)
        return get_private_key(d, q, key);
    if (q->class == CLASS_PUBLIC && key)
        return get_public_key(d, q, key);
    return SW_NO_REFERENCE;
}

uint16_t sdo_get(const struct fs *fs, const struct pin *pin, const struct pin *puk,
                 const struct apdu *a, struct reply *r)
{
    struct der d CLEANUP(der_done) = {0};
    struct request q;

    if (a->p1 != 0x3F || a->p2 != 0xFF)
        return SW_WRONG_P1P2;
    if (!parse_request(a->data, a->lc, &q))
        return SW_WRONG_DATA;
    size_t outer = der_begin(&d, 0x70);
    const uint8_t name[3] = {0xBF, (uint8_t)(q.local | q.class), q.reference};
    size_t object = der_begin(&d, (unsigned)name[0] << 16 | (unsigned)name[1] << 8 | name[2]);
    uint16_t sw = dispatch(&d, &q, fs, pin, puk);
    if (sw != SW_OK)
        return sw;
    der_end(&d, object);
    der_end(&d, outer);
    if (d.failed || d.len > sizeof(r->data))
        return SW_FAILURE;
    memcpy(r->data, d.data, d.len);
    r->len = d.len;
    return SW_OK;
}
