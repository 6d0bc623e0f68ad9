/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/util.h"
#include "pkcs11/hash.h"
#include "pkcs11/module_card.h"

/* What PKCS#1 v1.5 padding needs of the modulus. */
#define PADDING_MIN 11

static bool offers(const struct module_card *card, CK_MECHANISM_TYPE type, CK_FLAGS use)
{
    CK_MECHANISM_INFO info = {.flags = 0};

    return card->module->functions.C_GetMechanismInfo(card->slot, type, &info) == CKR_OK &&
           (info.flags & use) != 0;
}

/* The hash-and-sign mechanisms are done with CKM_RSA_PKCS: the hash is ended here. */
static unsigned mechanisms_of(const struct module_card *card, enum key_usage usage)
{
    unsigned mechanisms = 0;

    if (offers(card, CKM_RSA_PKCS, CKF_SIGN))
        mechanisms |= MECHANISM_RSA_PKCS | MECHANISM_SHA1_RSA_PKCS | MECHANISM_SHA256_RSA_PKCS;
    if (offers(card, CKM_RSA_PKCS_PSS, CKF_SIGN))
        mechanisms |= MECHANISM_RSA_PKCS_PSS;
    if (usage != USAGE_SIGNATURE && card->module->functions.C_DecryptInit != NULL &&
        card->module->functions.C_Decrypt != NULL && offers(card, CKM_RSA_PKCS, CKF_DECRYPT))
        mechanisms |= MECHANISM_DECRYPT_RSA_PKCS;
    return mechanisms;
}

cps_error module_keys(struct card *self, struct card_keys *ret_keys, struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    cps_error error = module_sync(card, fail);

    if (error != CPS_OK)
        return error;
    *ret_keys = (struct card_keys){.n = 0};
    for (size_t i = 0; i < KEY_USAGES; i++) {
        const struct module_key *from = &card->keys[i];
        struct card_key *key = &ret_keys->list[ret_keys->n];

        if (from->certificate == NULL)
            continue;
        key->usage = (enum key_usage)i;
        key->mechanisms = mechanisms_of(card, key->usage);
        key->input_max = certificate_modulus_len(from->certificate) - PADDING_MIN;
        memcpy(key->id, from->id, from->id_len);
        key->id_len = from->id_len;
        /* Modules hide private keys, and with them their labels, until the PIN is given. */
        memcpy(key->label, from->label, sizeof key->label);
        memcpy(key->certificate_label, from->label, sizeof key->certificate_label);
        ret_keys->n++;
    }
    return CPS_OK;
}

/*
 * Whether the object found before still is the key. A search is slow with modules that read every
 * object of the token for it, as SoftHSM does.
 */
static bool still_there(struct module_card *card, const struct module_key *key)
{
    uint8_t id[CARD_ID_MAX];
    struct fail fail = FAIL_INIT;
    size_t len = 0;

    return key->has_private &&
           module_attribute(card, key->private, CKA_ID, id, sizeof id, &len, &fail) == CPS_OK &&
           len == key->id_len && memcmp(id, key->id, len) == 0;
}

/* The private key of a certificate, by CKA_ID. */
static cps_error find_private(struct module_card *card, struct module_key *key, struct fail *fail)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    uint8_t id[CARD_ID_MAX];
    CK_ATTRIBUTE template[] = {
        {.type = CKA_CLASS, .pValue = &class, .ulValueLen = sizeof class},
        {.type = CKA_ID, .pValue = id, .ulValueLen = key->id_len},
    };
    size_t n = 0;
    cps_error error;

    memcpy(id, key->id, sizeof id);
    error = module_find(card, template, 2, &key->private, 1, &n, fail);
    key->has_private = error == CPS_OK && n > 0;
    if (error == CPS_OK && n == 0)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "no private key for the certificate");
    return error;
}

static cps_error find_key(struct module_card *card, struct module_key *key,
                          CK_OBJECT_HANDLE *ret_object, struct fail *fail)
{
    CK_BBOOL each_time = CK_FALSE;
    size_t len;
    cps_error error = still_there(card, key) ? CPS_OK : find_private(card, key, fail);

    if (error == CPS_OK)
        error = module_attribute(card, key->private, CKA_ALWAYS_AUTHENTICATE, &each_time,
                                 sizeof each_time, &len, fail);
    if (error == CPS_OK && each_time != CK_FALSE)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "the key wants the PIN at each use");
    if (error == CPS_OK)
        *ret_object = key->private;
    return error;
}

/* The key of that usage, when it may be used now. */
static cps_error need_key(struct module_card *card, enum key_usage usage,
                          CK_OBJECT_HANDLE *ret_object, struct fail *fail)
{
    struct module_key *key = &card->keys[usage];
    cps_error error = module_sync(card, fail);

    if (error != CPS_OK)
        return error;
    if (key->certificate == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no key of this usage in the module");
    if ((card->flags & CKF_LOGIN_REQUIRED) != 0 && !card->verified)
        return fail_set(fail, CPS_PIN_REQUIRED, "no PIN since the card was last reset");
    return find_key(card, key, ret_object, fail);
}

static cps_error sign_once(struct module_card *card, CK_OBJECT_HANDLE object,
                           CK_MECHANISM *mechanism, struct span data, size_t modulus_len,
                           struct card_signature *ret_signature, struct fail *fail)
{
    uint8_t input[SIGNATURE_MAX];
    /* Some modules refuse a buffer that is longer than the signature. */
    CK_ULONG len = modulus_len;
    CK_RV rv;

    if (data.len > sizeof input)
        return fail_set(fail, CPS_INVALID_PARAMS, "%zu bytes to sign", data.len);
    memcpy(input, data.data, data.len);
    rv = card->module->functions.C_SignInit(card->session, mechanism, object);
    if (rv != CKR_OK)
        return module_trouble(card, rv, "C_SignInit", fail);
    rv = card->module->functions.C_Sign(card->session, input, data.len, ret_signature->bytes, &len);
    if (rv != CKR_OK)
        return module_trouble(card, rv, "C_Sign", fail);
    if (len != modulus_len)
        return fail_set(fail, CPS_SIGNATURE_INVALID, "signature of %lu bytes", len);
    ret_signature->len = len;
    return CPS_OK;
}

static const struct {
    CK_MECHANISM_TYPE type;
    CK_RSA_PKCS_MGF_TYPE mgf;
} hash_mechanisms[] = {
    [HASH_SHA256] = {CKM_SHA256, CKG_MGF1_SHA256},
    [HASH_SHA384] = {CKM_SHA384, CKG_MGF1_SHA384},
    [HASH_SHA512] = {CKM_SHA512, CKG_MGF1_SHA512},
    [HASH_SHA1] = {CKM_SHA_1, CKG_MGF1_SHA1},
};

static cps_error sign_pss(struct module_card *card, CK_OBJECT_HANDLE object,
                          const struct certificate *certificate, const struct sign_input *input,
                          struct card_signature *signature, struct fail *fail)
{
    CK_RSA_PKCS_PSS_PARAMS params = {.hashAlg = hash_mechanisms[input->hash].type,
                                     .mgf = hash_mechanisms[input->hash].mgf,
                                     .sLen = hash_len(input->hash)};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &params, sizeof params};
    cps_error error = sign_once(card, object, &mechanism, input->data,
                                certificate_modulus_len(certificate), signature, fail);

    if (error == CPS_OK &&
        !certificate_verifies_pss(certificate, input->hash, input->data,
                                  (struct span){signature->bytes, signature->len}))
        error = fail_set(fail, CPS_SIGNATURE_INVALID, "not by the key of the certificate");
    return error;
}

static cps_error sign_pkcs1(struct module_card *card, CK_OBJECT_HANDLE object,
                            const struct certificate *certificate, const struct sign_input *input,
                            struct card_signature *signature, struct fail *fail)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    enum hash hash = input->mechanism == MECHANISM_SHA1_RSA_PKCS ? HASH_SHA1 : HASH_SHA256;
    uint8_t digest[HASH_LEN_MAX];
    uint8_t info[DIGEST_INFO_MAX];
    struct span data = input->data;
    cps_error error;

    if (input->mechanism != MECHANISM_RSA_PKCS) {
        if (!hash_finish(hash, input->state, input->hashed, input->data, digest))
            return fail_set(fail, CPS_INVALID_PARAMS, "state of the hash");
        data = (struct span){info,
                             hash_digest_info(hash, (struct span){digest, hash_len(hash)}, info)};
    }
    error = sign_once(card, object, &mechanism, data, certificate_modulus_len(certificate),
                      signature, fail);
    if (error == CPS_OK &&
        !certificate_verifies(certificate, data, (struct span){signature->bytes, signature->len}))
        error = fail_set(fail, CPS_SIGNATURE_INVALID, "not by the key of the certificate");
    return error;
}

cps_error module_sign(struct card *self, enum key_usage usage, const struct sign_input *input,
                      struct card_signature *ret_signature, struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    struct card_signature signature = {.len = 0};
    CK_OBJECT_HANDLE object = 0;
    cps_error error = need_key(card, usage, &object, fail);

    if (error != CPS_OK)
        return error;
    if (input->mechanism == MECHANISM_RSA_PKCS_PSS)
        error = sign_pss(card, object, card->keys[usage].certificate, input, &signature, fail);
    else
        error = sign_pkcs1(card, object, card->keys[usage].certificate, input, &signature, fail);
    if (error == CPS_OK)
        error = module_check_undisturbed(card, fail);
    if (error == CPS_OK)
        *ret_signature = signature;
    else
        card->keys[usage].has_private = false;
    return error;
}

/* Whatever the padding or the cryptogram lacks, the error is one and the same. */
static bool is_about_the_cryptogram(CK_RV rv)
{
    return rv == CKR_ENCRYPTED_DATA_INVALID || rv == CKR_ENCRYPTED_DATA_LEN_RANGE ||
           rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE || rv == CKR_GENERAL_ERROR ||
           rv == CKR_FUNCTION_FAILED;
}

static cps_error decrypt_once(struct module_card *card, CK_OBJECT_HANDLE object,
                              struct span cryptogram, struct secret *plain, struct fail *fail)
{
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    CK_FUNCTION_LIST *f = &card->module->functions;
    uint8_t input[SIGNATURE_MAX];
    uint8_t output[SIGNATURE_MAX];
    CK_ULONG len = sizeof output;
    cps_error error = CPS_OK;
    CK_RV rv;

    memcpy(input, cryptogram.data, cryptogram.len);
    rv = f->C_DecryptInit(card->session, &mechanism, object);
    if (rv != CKR_OK)
        return module_trouble(card, rv, "C_DecryptInit", fail);
    rv = f->C_Decrypt(card->session, input, cryptogram.len, output, &len);
    if (rv != CKR_OK) {
        error = module_trouble(card, rv, "C_Decrypt", fail);
        if (error != CPS_CARD_REMOVED && is_about_the_cryptogram(rv))
            error = fail_set(fail, CPS_DECRYPT_FAILED, "not for this key");
    } else if (len > cryptogram.len - PADDING_MIN || secret_set(plain, output, len) < 0) {
        error = fail_set(fail, CPS_CARD_PROTOCOL, "C_Decrypt: %lu bytes", len);
    }
    explicit_bzero(output, sizeof output);
    return error;
}

cps_error module_decrypt(struct card *self, enum key_usage usage, struct span cryptogram,
                         struct secret *plain, struct fail *fail)
{
    struct module_card *card = (struct module_card *)self;
    CK_OBJECT_HANDLE object = 0;
    cps_error error;

    if (card->module->functions.C_DecryptInit == NULL || card->module->functions.C_Decrypt == NULL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "the module does not decrypt");
    error = need_key(card, usage, &object, fail);
    if (error != CPS_OK)
        return error;
    if (cryptogram.len != certificate_modulus_len(card->keys[usage].certificate))
        return fail_set(fail, CPS_DECRYPT_FAILED, "not for this key");
    error = decrypt_once(card, object, cryptogram, plain, fail);
    if (error == CPS_OK)
        error = module_check_undisturbed(card, fail);
    if (error == CPS_OK)
        return CPS_OK;
    card->keys[usage].has_private = false;
    secret_wipe(plain);
    return error;
}
