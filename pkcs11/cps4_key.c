/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a CPS4 and their certificates: what there is, and how a key is used. */
#include <string.h>

#include "base/util.h"
#include "pkcs11/cps4.h"
#include "pkcs11/padding.h"

#define INS_MSE                0x22
#define INS_PSO                0x2A
#define CLA_CHAIN              0x10
#define P1_MSE_DECIPHER        0x41
#define P2_MSE_CONFIDENTIALITY 0xB8
#define P1_DECIPHER            0x80
#define P2_DECIPHER            0x86
#define TAG_KEY                0x83
#define MODULUS_LEN            256 /* until the certificate tells */
#define DIGEST_INFO_SHA256_LEN 51

static cps_error no_such_key(struct fail *fail)
{
    return fail_set(fail, CPS_CARD_UNSUPPORTED, "no such key on this card");
}

/* A certificate that was given must not become another one. */
static cps_error check_same(struct cps4 *cps4, enum key_usage usage,
                            const struct certificate *certificate, struct fail *fail)
{
    const uint8_t *id = certificate_id(certificate);

    if (cps4->has_id[usage] && memcmp(cps4->ids[usage], id, CERTIFICATE_ID_LEN) != 0) {
        file_memory_contradict(cps4->memory);
        return fail_set(fail, CPS_CARD_PROTOCOL, "the certificate given before was another one");
    }
    memcpy(cps4->ids[usage], id, CERTIFICATE_ID_LEN);
    cps4->has_id[usage] = true;
    return CPS_OK;
}

/* Reads the certificate where the layout says, and accepts it only for that usage. */
static cps_error read_certificate(struct cps4 *cps4, enum key_usage usage, struct fail *fail)
{
    AUTO_CERTIFICATE struct certificate *certificate = NULL;
    struct file file;
    cps_error error;

    if (!cps4->layout.keys[usage].present)
        return no_such_key(fail);
    error = cps4_fetch(cps4, &cps4->layout.keys[usage].certificate, "certificate",
                       certificate_length, &file, fail);
    if (error == CPS_OK)
        error = certificate_new(file_span(&file), &certificate, fail);
    if (error == CPS_OK && !certificate_is_for(certificate, usage))
        error = fail_set(fail, CPS_CERTIFICATE_INVALID, "not the certificate of such a key");
    if (error == CPS_OK)
        error = check_same(cps4, usage, certificate, fail);
    if (error == CPS_OK)
        cps4->certificates[usage] = TAKE_PTR(certificate);
    return error;
}

static bool is_no_certificate(cps_error error)
{
    return error == CPS_CARD_PROTOCOL || error == CPS_CERTIFICATE_INVALID;
}

cps_error cps4_need_certificate(struct cps4 *cps4, enum key_usage usage, struct fail *fail)
{
    bool assumed;
    cps_error error;

    if (cps4->certificates[usage] != NULL)
        return CPS_OK;
    error = cps4_need_layout(cps4, fail);
    if (error != CPS_OK)
        return error;
    assumed = cps4->layout.usual || file_memory_is_doubtful(cps4->memory);
    error = read_certificate(cps4, usage, fail);
    if (is_no_certificate(error) && assumed) {
        error = cps4_walk(cps4, fail);
        if (error == CPS_OK)
            error = read_certificate(cps4, usage, fail);
    }
    if (is_no_certificate(error))
        file_memory_forget(cps4->memory); /* what was read is worth nothing */
    return error;
}

cps_error cps4_certificate(struct card *card, enum key_usage usage,
                           struct card_certificate *ret_certificate, struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    cps_error error;

    cps4_sync(cps4);
    error = cps4_need_certificate(cps4, usage, fail);
    if (error != CPS_OK)
        return error;
    ret_certificate->certificate = cps4->certificates[usage];
    memcpy(ret_certificate->label, cps4->layout.keys[usage].certificate_label,
           sizeof ret_certificate->label);
    return CPS_OK;
}

/* Of the keys known: PKCS#11 mechanisms, and the longest DigestInfo. */
static const struct {
    enum key_usage usage;
    unsigned mechanisms;
} offers[] = {
    {USAGE_AUTHENTICATION,
     MECHANISM_RSA_PKCS | MECHANISM_RSA_PKCS_PSS | MECHANISM_DECRYPT_RSA_PKCS},
    {USAGE_SIGNATURE, MECHANISM_RSA_PKCS | MECHANISM_RSA_PKCS_PSS | MECHANISM_SHA1_RSA_PKCS |
                          MECHANISM_SHA256_RSA_PKCS},
};

static size_t input_max(const struct cps4 *cps4, enum key_usage usage)
{
    const struct certificate *certificate = cps4->certificates[usage];

    if (usage == USAGE_SIGNATURE) /* the card itself pads the hash value */
        return DIGEST_INFO_SHA256_LEN;
    return (certificate != NULL ? certificate_modulus_len(certificate) : MODULUS_LEN) -
           PADDING_PKCS1_LEN;
}

cps_error cps4_keys(struct card *card, struct card_keys *ret_keys, struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    cps_error error;

    cps4_sync(cps4);
    error = cps4_need_layout(cps4, fail);
    if (error != CPS_OK)
        return error;
    ret_keys->n = 0;
    for (size_t i = 0; i < sizeof offers / sizeof offers[0]; i++) {
        const struct layout_key *key = &cps4->layout.keys[offers[i].usage];
        struct card_key *told = &ret_keys->list[ret_keys->n];

        if (!key->present)
            continue;
        *told = (struct card_key){.usage = offers[i].usage,
                                  .mechanisms = offers[i].mechanisms,
                                  .input_max = input_max(cps4, offers[i].usage),
                                  .id_len = key->id.len <= CARD_ID_MAX ? key->id.len : 0};
        memcpy(told->id, key->id.bytes, told->id_len);
        memcpy(told->label, key->label, sizeof told->label);
        memcpy(told->certificate_label, key->certificate_label, sizeof told->certificate_label);
        ret_keys->n++;
    }
    return CPS_OK;
}

/* The card answered, and not with what was wanted. */
static bool is_no_result(cps_error error)
{
    return error == CPS_CARD_PROTOCOL || error == CPS_SIGNATURE_INVALID;
}

/* Whether the card still has the PIN; CPS_PIN_REQUIRED when not. */
static cps_error check_pin(struct cps4 *cps4, struct fail *fail)
{
    struct card_pin pin;
    cps_error error = cps4_pin_status(&cps4->card, &pin, fail);

    if (error == CPS_OK && !pin.verified)
        error = fail_set(fail, CPS_PIN_REQUIRED, "the card has forgotten the PIN");
    return error;
}

static cps_error use_once(struct cps4 *cps4, enum key_usage usage, cps4_use_fn fn, void *use,
                          struct fail *fail)
{
    cps_error error = CPS_OK;

    if (!cps4->in_application)
        error = cps4_enter(cps4, fail);
    if (error == CPS_OK)
        error = fn(cps4, usage, use, fail);
    if (error == CPS_OK) {
        cps4->proved[usage] = true;
        file_memory_prove(cps4->memory);
    }
    return error;
}

/* On the layout that there is now, with the certificate that it leads to. */
static cps_error use_anew(struct cps4 *cps4, enum key_usage usage, cps4_use_fn fn, void *use,
                          struct fail *fail)
{
    cps_error error = cps4_need_certificate(cps4, usage, fail);

    return error == CPS_OK ? use_once(cps4, usage, fn, use, fail) : error;
}

/*
 * What may have gone wrong, cheapest first. Another program may have selected something else
 * between our transactions; it may have made the card forget the PIN; what is remembered of an
 * earlier insertion, or the usual layout, may be none of this card's.
 */
static cps_error use_with_remedies(struct cps4 *cps4, enum key_usage usage, cps4_use_fn fn,
                                   void *use, struct fail *fail)
{
    bool assumed = cps4->in_application;
    struct fail lost = FAIL_INIT;
    cps_error error = use_once(cps4, usage, fn, use, fail);

    if (is_no_result(error) && assumed) {
        cps4->in_application = false;
        error = use_once(cps4, usage, fn, use, fail);
    }
    if (!is_no_result(error))
        return error;
    if (check_pin(cps4, &lost) != CPS_OK) {
        *fail = lost;
        return lost.code;
    }
    if (cps4_doubt(cps4))
        error = use_anew(cps4, usage, fn, use, fail);
    if (!is_no_result(error) || !cps4->layout.usual || cps4->proved[usage] ||
        file_memory_was_wrong(cps4->memory))
        return error;
    error = cps4_walk(cps4, fail);
    return error == CPS_OK ? use_anew(cps4, usage, fn, use, fail) : error;
}

cps_error cps4_use_key(struct cps4 *cps4, enum key_usage usage, cps4_use_fn fn, void *use,
                       struct fail *fail)
{
    if (!cps4->verified)
        return fail_set(fail, CPS_PIN_REQUIRED, "no PIN since the card was last reset");
    return use_with_remedies(cps4, usage, fn, use, fail);
}

static cps_error set_decipher(struct cps4 *cps4, uint8_t key, struct fail *fail)
{
    const uint8_t environment[] = {TAG_KEY, 0x01, key};
    struct apdu set = {.ins = INS_MSE,
                       .p1 = P1_MSE_DECIPHER,
                       .p2 = P2_MSE_CONFIDENTIALITY,
                       .data = {environment, sizeof environment}};
    struct apdu_answer answer;

    return cps4_command(cps4, "security environment", &set, &answer, fail);
}

cps_error cps4_raw(struct cps4 *cps4, enum key_usage usage, struct span block, uint8_t *ret_out,
                   struct fail *fail)
{
    struct apdu_answer answer = {.len = 0};
    cps_error error = set_decipher(cps4, cps4->layout.keys[usage].reference, fail);

    for (size_t at = 0; error == CPS_OK && at < block.len;) {
        size_t left = block.len - at;
        size_t n = left < APDU_DATA_MAX ? left : APDU_DATA_MAX;
        bool last = n == left;
        struct apdu part = {.cla = last ? 0 : CLA_CHAIN,
                            .ins = INS_PSO,
                            .p1 = P1_DECIPHER,
                            .p2 = P2_DECIPHER,
                            .data = {block.data + at, n},
                            .le = last ? APDU_LE_MAX : 0};

        error = cps4_command(cps4, "PSO DECIPHER", &part, &answer, fail);
        at += n;
    }
    if (error == CPS_OK && answer.len != block.len)
        error = fail_set(fail, CPS_CARD_PROTOCOL, "PSO DECIPHER: %zu bytes", answer.len);
    if (error == CPS_OK)
        memcpy(ret_out, answer.data, block.len);
    explicit_bzero(&answer, sizeof answer);
    return error;
}
