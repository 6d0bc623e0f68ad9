/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures by a CPS3. */
#include "pkcs11/cps3.h"

#include <string.h>

#define INS_INTERNAL_AUTHENTICATE 0x88
#define INS_PSO                   0x2A
#define P1_HASH                   0x90
#define P2_HASH                   0xA0
#define P1_CDS                    0x9E
#define P2_CDS                    0x9A

/* Control reference templates and algorithm references. */
enum { CRT_AUTHENTICATION = 0xA4, CRT_HASH = 0xAA, CRT_SIGNATURE = 0xB6 };
enum { RSA_PKCS1 = 0x02, SHA1 = 0x10, SHA1_RSA = 0x12, SHA256 = 0x40, SHA256_RSA = 0x42 };

/* Objects of PSO HASH: the state so far and its count of bits, and the last block. */
enum { TAG_HASH_STATE = 0x90, TAG_LAST_BLOCK = 0x80 };

#define BIT_COUNT_LEN 8

/* One signature to make. */
struct job {
    enum key_usage usage;
    const struct sign_input *input;
    struct span info; /* what the signature must be of: a DigestInfo, or what stands for one */
    uint8_t info_bytes[DIGEST_INFO_MAX];
    enum hash hash; /* of info, for the signature key */
    struct span digest;
};

static cps_error authenticate(struct cps3 *cps3, const struct job *job, uint8_t key,
                              struct apdu_answer *answer, struct fail *fail)
{
    const struct apdu command = {
        .ins = INS_INTERNAL_AUTHENTICATE, .data = job->info, .le = APDU_LE_MAX};
    cps_error error = cps3_set_environment(cps3, CRT_AUTHENTICATION, RSA_PKCS1, key, fail);

    if (error == CPS_OK)
        error = cps3_command(cps3, "INTERNAL AUTHENTICATE", &command, answer, fail);
    return error;
}

/* The card takes over a hash that was begun here, and does its last round. */
static cps_error last_round(struct cps3 *cps3, const struct job *job, struct fail *fail)
{
    const struct sign_input *input = job->input;
    uint8_t data[2 + HASH_LEN_MAX + BIT_COUNT_LEN + 2 + HASH_BLOCK_LEN];
    struct apdu command = {.ins = INS_PSO, .p1 = P1_HASH, .p2 = P2_HASH, .data = {.data = data}};
    struct apdu_answer answer;
    size_t n = 0;
    cps_error error =
        cps3_set_environment(cps3, CRT_HASH, job->hash == HASH_SHA1 ? SHA1 : SHA256, 0, fail);

    data[n++] = TAG_HASH_STATE;
    data[n++] = (uint8_t)(input->state.len == 0 ? 0 : input->state.len + BIT_COUNT_LEN);
    if (input->state.len > 0) {
        memcpy(data + n, input->state.data, input->state.len);
        n += input->state.len;
        for (int i = BIT_COUNT_LEN - 1; i >= 0; i--)
            data[n++] = (uint8_t)(input->hashed * 8 >> 8 * i);
    }
    data[n++] = TAG_LAST_BLOCK;
    data[n++] = (uint8_t)input->data.len;
    if (input->data.len > 0)
        memcpy(data + n, input->data.data, input->data.len);
    command.data.len = n + input->data.len;
    return error == CPS_OK ? cps3_command(cps3, "PSO HASH", &command, &answer, fail) : error;
}

/* COMPUTE DIGITAL SIGNATURE of the hash that the card has just ended, or of one given whole. */
static cps_error compute_signature(struct cps3 *cps3, const struct job *job, uint8_t key,
                                   struct apdu_answer *answer, struct fail *fail)
{
    bool whole = job->input->mechanism == MECHANISM_RSA_PKCS;
    const struct apdu command = {.ins = INS_PSO,
                                 .p1 = P1_CDS,
                                 .p2 = P2_CDS,
                                 .data = {job->digest.data, whole ? job->digest.len : 0},
                                 .le = APDU_LE_MAX};
    cps_error error = whole ? CPS_OK : last_round(cps3, job, fail);

    if (error == CPS_OK)
        error = cps3_set_environment(cps3, CRT_SIGNATURE,
                                     job->hash == HASH_SHA1 ? SHA1_RSA : SHA256_RSA, key, fail);
    if (error == CPS_OK)
        error = cps3_command(cps3, "COMPUTE DIGITAL SIGNATURE", &command, answer, fail);
    return error;
}

/* The signature, and the proof of it and of the layout. */
static cps_error sign_once(struct cps3 *cps3, const struct job *job,
                           struct card_signature *ret_signature, struct fail *fail)
{
    uint8_t key = cps3->layout.keys[job->usage].reference;
    struct apdu_answer answer = {.len = 0};
    cps_error error = CPS_OK;

    if (!cps3->in_application)
        error = cps3_enter(cps3, fail);
    if (error == CPS_OK)
        error = job->usage == USAGE_SIGNATURE ? compute_signature(cps3, job, key, &answer, fail)
                                              : authenticate(cps3, job, key, &answer, fail);
    if (error != CPS_OK)
        return error;
    if (answer.len > SIGNATURE_MAX ||
        !certificate_verifies(cps3->certificates[job->usage], job->info,
                              (struct span){answer.data, answer.len}))
        return fail_set(fail, CPS_SIGNATURE_INVALID, "not by the key of the certificate");
    memcpy(ret_signature->bytes, answer.data, answer.len);
    ret_signature->len = answer.len;
    cps3->proved[job->usage] = true;
    file_memory_prove(cps3->memory);
    return CPS_OK;
}

/* The card answered, and not with a signature of ours. */
static bool no_signature(cps_error error)
{
    return error == CPS_CARD_PROTOCOL || error == CPS_SIGNATURE_INVALID;
}

/* On the layout that there is now, with the certificate that it leads to. */
static cps_error sign_anew(struct cps3 *cps3, const struct job *job,
                           struct card_signature *ret_signature, struct fail *fail)
{
    cps_error error = cps3_need_certificate(cps3, job->usage, fail);

    return error == CPS_OK ? sign_once(cps3, job, ret_signature, fail) : error;
}

/*
 * What may have gone wrong, cheapest first. Another program may have selected something else
 * between our transactions; it may have made the card forget the PIN; what is remembered of an
 * earlier insertion, or the usual layout, may be none of this card's.
 */
static cps_error sign_with_remedies(struct cps3 *cps3, const struct job *job,
                                    struct card_signature *ret_signature, struct fail *fail)
{
    bool assumed = cps3->in_application;
    struct fail lost = FAIL_INIT;
    cps_error error = sign_once(cps3, job, ret_signature, fail);

    if (no_signature(error) && assumed) {
        cps3->in_application = false;
        error = sign_once(cps3, job, ret_signature, fail);
    }
    if (!no_signature(error))
        return error;
    if (cps3_check_pin(cps3, job->usage, &lost) != CPS_OK) {
        *fail = lost;
        return lost.code;
    }
    if (cps3_doubt(cps3))
        error = sign_anew(cps3, job, ret_signature, fail);
    if (!no_signature(error) || !cps3->layout.usual || cps3->proved[job->usage] ||
        file_memory_was_wrong(cps3->memory))
        return error;
    error = cps3_walk(cps3, fail);
    return error == CPS_OK ? sign_anew(cps3, job, ret_signature, fail) : error;
}

/* What the signature must be of, whoever ends the hash; refuses what the key does not do. */
static cps_error prepare(struct job *job, struct fail *fail)
{
    const struct sign_input *input = job->input;
    bool signature_key = job->usage == USAGE_SIGNATURE;
    uint8_t digest[HASH_LEN_MAX];

    switch (input->mechanism) {
    case MECHANISM_RSA_PKCS:
        job->info = input->data;
        if (!signature_key && input->data.len > CPS3_AUTHENTICATE_MAX)
            return fail_set(fail, CPS_INVALID_PARAMS, "more than %d bytes", CPS3_AUTHENTICATE_MAX);
        if (signature_key && (!hash_from_digest_info(input->data, &job->hash, &job->digest) ||
                              (job->hash != HASH_SHA1 && job->hash != HASH_SHA256)))
            return fail_set(fail, CPS_CARD_UNSUPPORTED,
                            "the signature key signs SHA-1 and SHA-256 alone");
        return CPS_OK;
    case MECHANISM_SHA1_RSA_PKCS:
    case MECHANISM_SHA256_RSA_PKCS:
        if (!signature_key)
            break;
        job->hash = input->mechanism == MECHANISM_SHA1_RSA_PKCS ? HASH_SHA1 : HASH_SHA256;
        if (!hash_finish(job->hash, input->state, input->hashed, input->data, digest))
            return fail_set(fail, CPS_INVALID_PARAMS, "not a last block");
        job->info = (struct span){
            job->info_bytes, hash_digest_info(job->hash, (struct span){digest, hash_len(job->hash)},
                                              job->info_bytes)};
        return CPS_OK;
    default:
        break;
    }
    return fail_set(fail, CPS_CARD_UNSUPPORTED, "not a mechanism of that key");
}

cps_error cps3_sign(struct card *card, enum key_usage usage, const struct sign_input *input,
                    struct card_signature *ret_signature, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    struct job job = {.usage = usage, .input = input};
    cps_error error = prepare(&job, fail);

    if (error != CPS_OK)
        return error;
    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error == CPS_OK && !cps3->layout.keys[usage].present)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "the card has no such key");
    if (error == CPS_OK)
        error = cps3_need_pin(cps3, usage, fail);
    if (error == CPS_OK)
        error = cps3_need_certificate(cps3, usage, fail);
    if (error == CPS_OK)
        error = sign_with_remedies(cps3, &job, ret_signature, fail);
    return error;
}
