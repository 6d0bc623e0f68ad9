/* SPDX-License-Identifier: Apache-2.0 */
#include "p15.h"

#include <openssl/core_names.h>
#include <string.h>

enum {
    T_INT = 0x02,
    T_BITS = 0x03,
    T_OCTETS = 0x04,
    T_ENUM = 0x0A,
    T_UTF8 = 0x0C,
    T_SEQ = 0x30,
};

const uint8_t P15_ROOT_AID[8] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};

/* The issuer's number, which opens every serial number. */
static const char ISSUER[] = "8025000001";

/* commonObjectFlags as the card has them: eight unused bits in no byte at all. */
static const uint8_t BAD_FLAGS[] = {T_BITS, 0x01, 0x08};

static void put_fid(struct der *d, unsigned tag, uint16_t fid)
{
    const uint8_t b[2] = {hi8(fid), lo8(fid)};

    der_tlv(d, tag, b, sizeof(b));
}

static void put_u8(struct der *d, unsigned tag, uint8_t v)
{
    der_tlv(d, tag, &v, 1);
}

void p15_ef_atr(struct der *d)
{
    static const uint8_t head[] = {0x80, 0x43, 0x01, 0xB8, 0x46, 0x04, 0x04, 0xB0,
                                   0xEC, 0xC1, 0x47, 0x03, 0x94, 0x01, 0x80};
    static const uint8_t tail[] = {0xE0, 0x10, 0x02, 0x02, 0x01, 0x04, 0x02, 0x02, 0x01, 0x04, 0x02,
                                   0x02, 0x01, 0x00, 0x02, 0x02, 0x01, 0x00, 0x78, 0x08, 0x06, 0x06,
                                   0x2B, 0x81, 0x22, 0xF8, 0x78, 0x02, 0x82, 0x02, 0x90, 0x00};

    der_put(d, head, sizeof(head));
    der_tlv(d, 0x4F, P15_ROOT_AID, sizeof(P15_ROOT_AID));
    der_put(d, tail, sizeof(tail));
}

void p15_ef_dir(struct der *d, const struct image *im)
{
    const struct image_app *contact = &im->apps[0];

    for (size_t i = 0; i < im->n_apps; i++)
        if (!im->apps[i].contactless)
            contact = &im->apps[i];
    for (size_t i = 0; i < im->n_apps; i++) {
        const struct image_app *app = &im->apps[i];
        const uint8_t path[4] = {0x3F, 0x00, hi8(app->df), lo8(app->df)};
        size_t record = der_begin(d, 0x61);
        der_tlv(d, 0x4F, app->aid, app->aid_len);
        der_text(d, 0x50, app->label);
        der_tlv(d, 0x51, path, sizeof(path));
        size_t ddo = der_begin(d, 0x73);
        der_tlv(d, 0x4F, contact->aid, contact->aid_len);
        der_end(d, ddo);
        der_end(d, record);
    }
}

char p15_luhn(const char *digits)
{
    unsigned sum = 0;
    size_t n = strlen(digits);

    for (size_t i = 0; i < n; i++) {
        unsigned v = (unsigned)(digits[n - 1 - i] - '0');
        if (i % 2 == 0)
            v = v * 2 > 9 ? v * 2 - 9 : v * 2;
        sum += v;
    }
    return (char)('0' + (10 - sum % 10) % 10);
}

void p15_ef_sn(struct der *d, const struct image *im)
{
    char digits[20];
    uint8_t bcd[10];

    snprintf(digits, sizeof(digits), "%s%s", ISSUER, im->serial);
    digits[18] = p15_luhn(digits);
    digits[19] = 0x0F; /* its low nibble is the filler F */
    for (size_t i = 0; i < sizeof(bcd); i++)
        bcd[i] = (uint8_t)((digits[2 * i] & 0x0F) << 4 | (digits[2 * i + 1] & 0x0F));
    der_tlv(d, 0x5A, bcd, sizeof(bcd));
}

void p15_odf(struct der *d, const struct image_app *app)
{
    static const uint8_t tags[DF_KINDS] = {0xA8, 0xA0, 0xA1, 0xA4, 0xA7};

    for (size_t i = 0; i < app->n_odf; i++) {
        size_t entry = der_begin(d, tags[app->odf[i].kind]);
        size_t path = der_begin(d, T_SEQ);
        put_fid(d, T_OCTETS, app->odf[i].fid);
        der_end(d, path);
        der_end(d, entry);
    }
}

/* commonObjectAttributes up to authId, left open for access rules: returns der_begin()'s mark. */
static size_t begin_object(struct der *d, const char *label, const uint8_t *flags, size_t n,
                           uint8_t auth_id)
{
    size_t mark = der_begin(d, T_SEQ);

    der_text(d, T_UTF8, label);
    der_put(d, flags, n);
    if (auth_id)
        put_u8(d, T_OCTETS, auth_id);
    return mark;
}

static void put_pin(struct der *d, const char *label, uint8_t id, const uint8_t flags[2],
                    unsigned length, uint8_t protected_by)
{
    size_t pin = der_begin(d, T_SEQ);
    der_end(d, begin_object(d, label, BAD_FLAGS, sizeof(BAD_FLAGS), protected_by));
    size_t auth = der_begin(d, T_SEQ);
    put_u8(d, T_OCTETS, id);
    der_end(d, auth);
    size_t type = der_begin(d, 0xA1);
    size_t attr = der_begin(d, T_SEQ);
    der_tlv(d, T_BITS, flags, 2);
    der_int(d, T_ENUM, 1); /* ascii-numeric */
    der_int(d, T_INT, length);
    der_int(d, T_INT, length);
    der_int(d, T_INT, length);
    put_u8(d, 0x80, id);
    der_end(d, attr);
    der_end(d, type);
    der_end(d, pin);
}

static void put_aodf(struct der *d)
{
    static const uint8_t pin_flags[2] = {0x03, 0x88}, puk_flags[2] = {0x00, 0x8B};

    put_pin(d, "Code porteur de la carte CPX", 1, pin_flags, 4, 2);
    put_pin(d, "Code de déblocage de la carte CPX", 2, puk_flags, 8, 0);
}

static void put_object_id(struct der *d, const struct image_app *app, const struct image_key *key)
{
    uint8_t id[IMAGE_AID_MAX + 1];

    memcpy(id, app->aid, app->aid_len);
    id[app->aid_len] = key->id;
    der_tlv(d, T_OCTETS, id, app->aid_len + 1);
}

static void put_rule(struct der *d, const uint8_t *mode, size_t n)
{
    size_t rule = der_begin(d, T_SEQ);

    der_tlv(d, T_BITS, mode, n);
    put_u8(d, T_OCTETS, 1);
    der_end(d, rule);
}

static void put_access_rules(struct der *d, enum key_use use)
{
    static const uint8_t cds[] = {0x02, 0x04}, decipher[] = {0x00, 0x01},
                         int_auth[] = {0x06, 0x00, 0x40};

    if (use == KEY_TECH)
        return;
    size_t rules = der_begin(d, T_SEQ);
    if (use == KEY_SIG) {
        put_rule(d, cds, sizeof(cds));
    } else {
        put_rule(d, decipher, sizeof(decipher));
        put_rule(d, int_auth, sizeof(int_auth));
    }
    der_end(d, rules);
}

static void put_private_key(struct der *d, const struct image_app *app, const struct image_key *key)
{
    static const char *const labels[] = {"CPS_PRIV_SIG", "CPS_PRIV_AUT", "CPS_PRIV_TECH"};
    static const uint8_t private_flag[] = {T_BITS, 0x02, 0x07, 0x80};
    static const uint8_t non_repudiation[] = {0x06, 0x00, 0x40}, sign_decrypt[] = {0x05, 0x60},
                         sign[] = {0x05, 0x20}, access[] = {0x04, 0xB0};
    bool locked = key->use != KEY_TECH;

    size_t entry = der_begin(d, T_SEQ);
    size_t common = begin_object(d, labels[key->use], locked ? private_flag : BAD_FLAGS,
                                 locked ? sizeof(private_flag) : sizeof(BAD_FLAGS), locked ? 1 : 0);
    put_access_rules(d, key->use);
    der_end(d, common);
    size_t attr = der_begin(d, T_SEQ);
    put_object_id(d, app, key);
    if (key->use == KEY_SIG)
        der_tlv(d, T_BITS, non_repudiation, sizeof(non_repudiation));
    else
        der_tlv(d, T_BITS, key->use == KEY_AUT ? sign_decrypt : sign, 2);
    der_tlv(d, T_BITS, access, sizeof(access));
    der_int(d, T_INT, key->reference);
    der_end(d, attr);
    size_t type = der_begin(d, 0xA1);
    size_t rsa = der_begin(d, T_SEQ);
    size_t path = der_begin(d, T_SEQ);
    der_tlv(d, T_OCTETS, NULL, 0);
    der_end(d, path);
    der_int(d, T_INT, 2048);
    der_end(d, rsa);
    der_end(d, type);
    der_end(d, entry);
}

/* [1] { SEQUENCE { SEQUENCE { path }, modulusLength? } } */
static void put_value_path(struct der *d, uint16_t fid, unsigned modulus_bits)
{
    size_t type = der_begin(d, 0xA1);
    size_t attr = der_begin(d, T_SEQ);
    size_t path = der_begin(d, T_SEQ);

    put_fid(d, T_OCTETS, fid);
    der_end(d, path);
    if (modulus_bits)
        der_int(d, T_INT, modulus_bits);
    der_end(d, attr);
    der_end(d, type);
}

static void put_public_key(struct der *d, const struct image_app *app, const struct image_key *key)
{
    static const char *const labels[] = {"CPS_PUB_SIG", "CPS_PUB_AUT", "CPS_PUB_TECH"};
    static const uint8_t non_repudiation[] = {0x06, 0x00, 0x40}, verify_encrypt[] = {0x01, 0x82},
                         verify[] = {0x01, 0x02};

    size_t entry = der_begin(d, T_SEQ);
    der_end(d, begin_object(d, labels[key->use], BAD_FLAGS, sizeof(BAD_FLAGS), 0));
    size_t attr = der_begin(d, T_SEQ);
    put_object_id(d, app, key);
    if (key->use == KEY_SIG)
        der_tlv(d, T_BITS, non_repudiation, sizeof(non_repudiation));
    else
        der_tlv(d, T_BITS, key->use == KEY_AUT ? verify_encrypt : verify, 2);
    der_int(d, T_INT, key->reference);
    der_end(d, attr);
    put_value_path(d, key->pub_fid, 2048);
    der_end(d, entry);
}

static void put_certificate(struct der *d, const struct image_app *app, const struct image_key *key)
{
    static const char *const labels[] = {"Certificat de Signature CPS",
                                         "Certificat d'Authentification CPS",
                                         "Certificat Technique CPS"};

    size_t entry = der_begin(d, T_SEQ);
    der_end(d, begin_object(d, labels[key->use], BAD_FLAGS, sizeof(BAD_FLAGS), 0));
    size_t attr = der_begin(d, T_SEQ);
    put_object_id(d, app, key);
    der_end(d, attr);
    put_value_path(d, key->cert_fid, 0);
    der_end(d, entry);
}

static void put_data_object(struct der *d, const struct image_data *data)
{
    size_t entry = der_begin(d, T_SEQ);
    der_end(d, begin_object(d, data->label, BAD_FLAGS, sizeof(BAD_FLAGS),
                            data->read == ACCESS_PIN ? 1 : 0));
    size_t attr = der_begin(d, T_SEQ);
    der_text(d, T_UTF8, "CPS");
    der_end(d, attr);
    size_t type = der_begin(d, 0xA1);
    size_t path = der_begin(d, T_SEQ);
    put_fid(d, T_OCTETS, data->fid);
    der_end(d, path);
    der_end(d, type);
    der_end(d, entry);
}

void p15_directory(struct der *d, const struct image_app *app, enum df_kind kind)
{
    if (kind == DF_AODF)
        put_aodf(d);
    for (size_t i = 0; kind == DF_DODF && i < app->n_data; i++)
        put_data_object(d, &app->data[i]);
    for (size_t i = 0; i < app->n_keys; i++) {
        size_t j = kind == DF_CDF && app->cdf_reverse ? app->n_keys - 1 - i : i;
        if (kind == DF_PRKDF)
            put_private_key(d, app, &app->keys[j]);
        else if (kind == DF_PUKDF)
            put_public_key(d, app, &app->keys[j]);
        else if (kind == DF_CDF)
            put_certificate(d, app, &app->keys[j]);
    }
}

void p15_public_key(struct der *d, const EVP_PKEY *pkey)
{
    BIGNUM *n = NULL;
    uint8_t modulus[257] = {0};

    if (!EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) ||
        BN_bn2binpad(n, modulus + 1, 256) != 256) {
        d->failed = true;
    } else {
        size_t seq = der_begin(d, T_SEQ);
        der_tlv(d, T_INT, modulus, sizeof(modulus)); /* the top bit of a full modulus is set */
        der_int(d, T_INT, 65537);
        der_end(d, seq);
    }
    BN_free(n);
}
