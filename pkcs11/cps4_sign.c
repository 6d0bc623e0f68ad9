/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures and decryption with a CPS4. Both keys sign a SHA-1 or SHA-256 value that the card pads
 * itself (PSO CDS). The authentication key also takes whole blocks (PSO DECIPHER): the host pads
 * what the card cannot, and takes the padding off what was encrypted.
 */
#include <string.h>

#include "base/util.h"
#include "pkcs11/cps4.h"
#include "pkcs11/padding.h"

#define INS_MSE          0x22
#define INS_PSO          0x2A
#define P1_MSE_SIGN      0x81
#define P2_MSE_SIGNATURE 0xB6
#define P1_CDS           0x9E
#define P2_CDS           0x9A

#define TAG_ALGORITHM_AND_KEY 0x91
#define SIGNS_A_HASH          0x80 /* beside the key's reference */
#define ALGORITHM_SHA1        0x0A
#define ALGORITHM_SHA256      0x28
#define ALGORITHM_PSS_SHA256  0x2C

/* One signature to make, and how to know that it is right. */
struct signing {
    uint8_t algorithm;  /* of PSO CDS; 0: a block through PSO DECIPHER */
    struct span digest; /* for PSO CDS */
    size_t block_len;
    uint8_t block[SIGNATURE_MAX];
    bool pss;
    enum hash hash;   /* of PSS */
    struct span info; /* what the certificate verifies: a DigestInfo, or PSS's hash value */
    uint8_t made_digest[HASH_LEN_MAX];
    uint8_t made_info[DIGEST_INFO_MAX];
    struct card_signature *ret_signature;
};

static cps_error unsupported(struct fail *fail)
{
    return fail_set(fail, CPS_CARD_UNSUPPORTED, "this key does not sign that");
}

static bool is_for_card(enum hash hash)
{
    return hash == HASH_SHA1 || hash == HASH_SHA256;
}

static void use_card_padding(struct signing *signing, enum hash hash, struct span digest)
{
    signing->algorithm = hash == HASH_SHA1 ? ALGORITHM_SHA1 : ALGORITHM_SHA256;
    signing->digest = digest;
}

static cps_error prepare_pkcs1(struct signing *signing, enum key_usage usage,
                               const struct sign_input *input, struct fail *fail)
{
    enum hash hash;
    struct span digest;

    signing->info = input->data;
    if (hash_from_digest_info(input->data, &hash, &digest) && is_for_card(hash)) {
        use_card_padding(signing, hash, digest);
        return CPS_OK;
    }
    if (usage != USAGE_AUTHENTICATION)
        return unsupported(fail);
    if (input->data.len == 0 || !padding_pkcs1(input->data, signing->block, signing->block_len))
        return fail_set(fail, CPS_INVALID_PARAMS, "%zu bytes to sign", input->data.len);
    return CPS_OK;
}

static cps_error prepare_pss(struct signing *signing, enum key_usage usage,
                             const struct sign_input *input, struct fail *fail)
{
    signing->pss = true;
    signing->hash = input->hash;
    signing->info = input->data;
    if (input->data.len != hash_len(input->hash))
        return unsupported(fail);
    if (input->hash == HASH_SHA256) {
        signing->algorithm = ALGORITHM_PSS_SHA256;
        signing->digest = input->data;
        return CPS_OK;
    }
    if (usage != USAGE_AUTHENTICATION ||
        !padding_pss(input->hash, input->data, signing->block, signing->block_len))
        return unsupported(fail);
    return CPS_OK;
}

/* The card takes hash values only: the host does the last round. */
static cps_error prepare_last_round(struct signing *signing, enum key_usage usage,
                                    const struct sign_input *input, struct fail *fail)
{
    enum hash hash = input->mechanism == MECHANISM_SHA1_RSA_PKCS ? HASH_SHA1 : HASH_SHA256;
    struct span digest = {signing->made_digest, hash_len(hash)};

    if (usage != USAGE_SIGNATURE)
        return unsupported(fail);
    if (!hash_finish(hash, input->state, input->hashed, input->data, signing->made_digest))
        return fail_set(fail, CPS_INVALID_PARAMS, "not a last block");
    use_card_padding(signing, hash, digest);
    signing->info =
        (struct span){signing->made_info, hash_digest_info(hash, digest, signing->made_info)};
    return CPS_OK;
}

static cps_error prepare(struct signing *signing, enum key_usage usage,
                         const struct sign_input *input, struct fail *fail)
{
    switch (input->mechanism) {
    case MECHANISM_RSA_PKCS:
        return prepare_pkcs1(signing, usage, input, fail);
    case MECHANISM_RSA_PKCS_PSS:
        return prepare_pss(signing, usage, input, fail);
    case MECHANISM_SHA1_RSA_PKCS:
    case MECHANISM_SHA256_RSA_PKCS:
        return prepare_last_round(signing, usage, input, fail);
    default:
        return unsupported(fail);
    }
}

static cps_error card_pads(struct cps4 *cps4, const struct signing *signing, uint8_t reference,
                           struct card_signature *ret_signature, struct fail *fail)
{
    const uint8_t environment[] = {TAG_ALGORITHM_AND_KEY, 0x02, signing->algorithm,
                                   reference | SIGNS_A_HASH};
    struct apdu set = {.ins = INS_MSE,
                       .p1 = P1_MSE_SIGN,
                       .p2 = P2_MSE_SIGNATURE,
                       .data = {environment, sizeof environment}};
    struct apdu compute = {
        .ins = INS_PSO, .p1 = P1_CDS, .p2 = P2_CDS, .data = signing->digest, .le = APDU_LE_MAX};
    struct apdu_answer answer;
    cps_error error = cps4_command(cps4, "security environment", &set, &answer, fail);

    if (error == CPS_OK)
        error = cps4_command(cps4, "PSO CDS", &compute, &answer, fail);
    if (error == CPS_OK && answer.len > SIGNATURE_MAX)
        error = fail_set(fail, CPS_SIGNATURE_INVALID, "%zu bytes", answer.len);
    if (error != CPS_OK)
        return error;
    memcpy(ret_signature->bytes, answer.data, answer.len);
    ret_signature->len = answer.len;
    return CPS_OK;
}

static cps_error host_pads(struct cps4 *cps4, enum key_usage usage, const struct signing *signing,
                           struct card_signature *ret_signature, struct fail *fail)
{
    ret_signature->len = signing->block_len;
    return cps4_raw(cps4, usage, (struct span){signing->block, signing->block_len},
                    ret_signature->bytes, fail);
}

/* One attempt and its proof. */
static cps_error sign_once(struct cps4 *cps4, enum key_usage usage, void *use, struct fail *fail)
{
    const struct signing *signing = use;
    const struct certificate *certificate = cps4->certificates[usage];
    struct card_signature signature = {.len = 0};
    struct span bytes = {.data = signature.bytes};
    cps_error error;
    bool right;

    if (signing->algorithm != 0)
        error = card_pads(cps4, signing, cps4->layout.keys[usage].reference, &signature, fail);
    else
        error = host_pads(cps4, usage, signing, &signature, fail);
    if (error != CPS_OK)
        return error;
    bytes.len = signature.len;
    right = signing->pss
                ? certificate_verifies_pss(certificate, signing->hash, signing->info, bytes)
                : certificate_verifies(certificate, signing->info, bytes);
    if (!right)
        return fail_set(fail, CPS_SIGNATURE_INVALID, "not by the key of the certificate");
    *signing->ret_signature = signature;
    return CPS_OK;
}

cps_error cps4_sign(struct card *card, enum key_usage usage, const struct sign_input *input,
                    struct card_signature *ret_signature, struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    struct signing signing = {.ret_signature = ret_signature};
    cps_error error;

    cps4_sync(cps4);
    error = cps4_need_certificate(cps4, usage, fail);
    if (error != CPS_OK)
        return error;
    signing.block_len = certificate_modulus_len(cps4->certificates[usage]);
    error = prepare(&signing, usage, input, fail);
    return error == CPS_OK ? cps4_use_key(cps4, usage, sign_once, &signing, fail) : error;
}

/* One block to decrypt. */
struct decryption {
    struct span cryptogram;
    uint8_t block[SIGNATURE_MAX];
};

/* The public key must lead back to the cryptogram: the proof of the key, whatever the padding. */
static cps_error decrypt_once(struct cps4 *cps4, enum key_usage usage, void *use, struct fail *fail)
{
    struct decryption *decryption = use;
    struct span block = {decryption->block, decryption->cryptogram.len};
    cps_error error = cps4_raw(cps4, usage, decryption->cryptogram, decryption->block, fail);

    if (error == CPS_OK &&
        !certificate_encrypts(cps4->certificates[usage], block, decryption->cryptogram))
        error = fail_set(fail, CPS_CARD_PROTOCOL, "not by the key of the certificate");
    return error;
}

cps_error cps4_decrypt(struct card *card, enum key_usage usage, struct span cryptogram,
                       struct secret *plain, struct fail *fail)
{
    struct cps4 *cps4 = (struct cps4 *)card;
    struct decryption decryption = {.cryptogram = cryptogram};
    cps_error error;

    if (usage != USAGE_AUTHENTICATION)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "this key does not decrypt");
    cps4_sync(cps4);
    error = cps4_need_certificate(cps4, usage, fail);
    if (error != CPS_OK)
        return error;
    if (!certificate_takes(cps4->certificates[usage], cryptogram))
        return fail_set(fail, CPS_DECRYPT_FAILED, "not a cryptogram of this key");
    error = cps4_use_key(cps4, usage, decrypt_once, &decryption, fail);
    if (error == CPS_OK &&
        !padding_pkcs1_remove((struct span){decryption.block, cryptogram.len}, plain))
        error = fail_set(fail, CPS_DECRYPT_FAILED, "padding");
    explicit_bzero(&decryption, sizeof decryption);
    return error;
}
