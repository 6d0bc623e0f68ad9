/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a CPS3 and their certificates. */
#include "pkcs11/cps3.h"

#include <string.h>

#include "base/util.h"

/* The signature key signs hash values of SHA-1 and SHA-256: the longer DigestInfo of the two. */
#define CDS_INFO_MAX 51

/* Reads the certificate where the layout says, and accepts it only for its usage. */
static cps_error read_certificate(struct cps3 *cps3, enum key_usage usage,
                                  struct certificate **ret_certificate, struct fail *fail)
{
    AUTO_CERTIFICATE struct certificate *certificate = NULL;
    struct file file;
    cps_error error;

    if (!cps3->layout.keys[usage].present)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "the card has no such key");
    error = cps3_fetch(cps3, &cps3->layout.keys[usage].certificate, "certificate",
                       certificate_length, &file, fail);
    if (error == CPS_OK)
        error = certificate_new(file_span(&file), &certificate, fail);
    if (error != CPS_OK)
        return error;
    if (!certificate_is_for(certificate, usage))
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "not a certificate for that usage");
    *ret_certificate = TAKE_PTR(certificate);
    return CPS_OK;
}

/* Whoever was told of a certificate is never given the signature of another one's key. */
static cps_error check_given(struct cps3 *cps3, enum key_usage usage, struct fail *fail)
{
    const uint8_t *id = certificate_id(cps3->certificates[usage]);

    if (cps3->has_given[usage] && memcmp(cps3->given[usage], id, CERTIFICATE_ID_LEN) != 0) {
        file_memory_contradict(cps3->memory);
        return fail_set(fail, CPS_CARD_PROTOCOL, "the certificate given before was another one");
    }
    memcpy(cps3->given[usage], id, CERTIFICATE_ID_LEN);
    cps3->has_given[usage] = true;
    return CPS_OK;
}

cps_error cps3_need_certificate(struct cps3 *cps3, enum key_usage usage, struct fail *fail)
{
    cps_error error = cps3_need_layout(cps3, fail);

    if (error != CPS_OK)
        return error;
    if (cps3->certificates[usage] == NULL) {
        bool assumed = cps3->layout.usual || file_memory_is_doubtful(cps3->memory);

        error = read_certificate(cps3, usage, &cps3->certificates[usage], fail);
        if (assumed && (error == CPS_CARD_PROTOCOL || error == CPS_CERTIFICATE_INVALID)) {
            error = cps3_walk(cps3, fail);
            if (error == CPS_OK)
                error = read_certificate(cps3, usage, &cps3->certificates[usage], fail);
        }
        if (error == CPS_CARD_PROTOCOL || error == CPS_CERTIFICATE_INVALID)
            file_memory_forget(cps3->memory); /* what was read is worth nothing */
    }
    return error == CPS_OK ? check_given(cps3, usage, fail) : error;
}

cps_error cps3_certificate(struct card *card, enum key_usage usage,
                           struct card_certificate *ret_certificate, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    cps_error error;

    cps3_sync(cps3);
    error = cps3_need_certificate(cps3, usage, fail);
    if (error != CPS_OK)
        return error;
    ret_certificate->certificate = cps3->certificates[usage];
    memcpy(ret_certificate->label, cps3->layout.keys[usage].certificate_label,
           sizeof ret_certificate->label);
    return CPS_OK;
}

static void describe(const struct layout_key *from, enum key_usage usage, struct card_key *key)
{
    static const unsigned mechanisms[KEY_USAGES] = {
        [USAGE_AUTHENTICATION] = MECHANISM_RSA_PKCS | MECHANISM_DECRYPT_RSA_PKCS,
        [USAGE_SIGNATURE] =
            MECHANISM_RSA_PKCS | MECHANISM_SHA1_RSA_PKCS | MECHANISM_SHA256_RSA_PKCS,
        [USAGE_TECHNICAL] = MECHANISM_RSA_PKCS,
    };

    *key = (struct card_key){
        .usage = usage,
        .mechanisms = mechanisms[usage],
        .input_max = usage == USAGE_SIGNATURE ? CDS_INFO_MAX : CPS3_AUTHENTICATE_MAX,
        .id_len = from->id.len < CARD_ID_MAX ? from->id.len : CARD_ID_MAX,
    };
    memcpy(key->id, from->id.bytes, key->id_len);
    memcpy(key->label, from->label, sizeof key->label);
    memcpy(key->certificate_label, from->certificate_label, sizeof key->certificate_label);
}

cps_error cps3_keys(struct card *card, struct card_keys *ret_keys, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    cps_error error;

    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error != CPS_OK)
        return error;
    ret_keys->n = 0;
    for (size_t i = 0; i < KEY_USAGES; i++)
        if (cps3->layout.keys[i].present)
            describe(&cps3->layout.keys[i], (enum key_usage)i, &ret_keys->list[ret_keys->n++]);
    return CPS_OK;
}
