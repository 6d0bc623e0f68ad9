/* SPDX-License-Identifier: Apache-2.0 */
/* Decryption by a CPS3: PSO DECIPHER, with the cryptogram in a chain of commands. */
#include "pkcs11/cps3.h"

#include <string.h>

#include "pkcs11/padding.h"

#define INS_PSO      0x2A
#define P1_DECIPHER  0x80
#define P2_DECIPHER  0x86
#define CLA_CHAIN    0x10
#define CRT_DECIPHER 0xB8
#define RSA_DECIPHER 0x1A

#define PADDING_INDICATOR 0x81

static cps_error failed(struct fail *fail)
{
    return fail_set(fail, CPS_DECRYPT_FAILED, "the card did not decrypt");
}

/* *ret_sw: of the command that was refused, or 9000. */
static cps_error send_chain(struct cps3 *cps3, struct span cryptogram, uint16_t *ret_sw,
                            struct apdu_answer *answer, struct fail *fail)
{
    uint8_t data[1 + SIGNATURE_MAX] = {PADDING_INDICATOR};
    size_t len = 1 + cryptogram.len;
    size_t sent = 0;

    memcpy(data + 1, cryptogram.data, cryptogram.len);
    do {
        size_t part = len - sent < APDU_DATA_MAX ? len - sent : APDU_DATA_MAX;
        bool last = sent + part == len;
        const struct apdu command = {.cla = last ? 0 : CLA_CHAIN,
                                     .ins = INS_PSO,
                                     .p1 = P1_DECIPHER,
                                     .p2 = P2_DECIPHER,
                                     .data = {data + sent, part},
                                     .le = last ? APDU_LE_MAX : 0};
        cps_error error = apdu_exchange(cps3->card.transport, &command, answer, fail);

        if (error != CPS_OK)
            return error;
        *ret_sw = answer->sw;
        sent += part;
    } while (sent < len && *ret_sw == APDU_SW_OK);
    return CPS_OK;
}

/* CPS_CARD_PROTOCOL when the key could not be set; CPS_DECRYPT_FAILED when it did not decrypt. */
static cps_error decrypt_once(struct cps3 *cps3, enum key_usage usage, struct span cryptogram,
                              struct apdu_answer *answer, struct fail *fail)
{
    uint16_t sw = APDU_SW_OK;
    cps_error error = CPS_OK;

    if (!cps3->in_application)
        error = cps3_enter(cps3, fail);
    if (error == CPS_OK)
        error = cps3_set_environment(cps3, CRT_DECIPHER, RSA_DECIPHER,
                                     cps3->layout.keys[usage].reference, fail);
    if (error == CPS_OK)
        error = send_chain(cps3, cryptogram, &sw, answer, fail);
    if (error == CPS_OK && sw != APDU_SW_OK)
        error = failed(fail);
    return error;
}

/*
 * No signature has shown that the usual key reference is right, and plain text shows nothing:
 * what PKCS#15 says is then read first.
 */
static cps_error need_key(struct cps3 *cps3, enum key_usage usage, struct fail *fail)
{
    cps_error error = cps3_need_certificate(cps3, usage, fail);

    if (error != CPS_OK || cps3->proved[usage] ||
        (!cps3->layout.usual && !file_memory_is_doubtful(cps3->memory)))
        return error;
    error = cps3_walk(cps3, fail);
    return error == CPS_OK ? cps3_need_certificate(cps3, usage, fail) : error;
}

/* Like a signature's, the first failure may be another program's doing, or a forgotten PIN. */
static cps_error decrypt_with_remedies(struct cps3 *cps3, enum key_usage usage,
                                       struct span cryptogram, struct apdu_answer *answer,
                                       struct fail *fail)
{
    bool assumed = cps3->in_application;
    struct fail lost = FAIL_INIT;
    cps_error error = decrypt_once(cps3, usage, cryptogram, answer, fail);

    if ((error == CPS_CARD_PROTOCOL || error == CPS_DECRYPT_FAILED) && assumed) {
        cps3->in_application = false;
        error = decrypt_once(cps3, usage, cryptogram, answer, fail);
    }
    if ((error == CPS_CARD_PROTOCOL || error == CPS_DECRYPT_FAILED) &&
        cps3_check_pin(cps3, usage, &lost) != CPS_OK) {
        *fail = lost;
        return lost.code;
    }
    return error;
}

/*
 * The card takes the padding off; one that leaves it there answers with a whole block. Nothing at
 * all is what a command that was not executed gives: nobody encrypts nothing.
 */
static cps_error take_plain(struct span answer, size_t block_len, struct secret *plain,
                            struct fail *fail)
{
    bool good = answer.len > 0 && answer.len <= block_len - PADDING_PKCS1_LEN;

    if (answer.len == block_len)
        good = padding_pkcs1_remove(answer, plain) && secret_len(plain) > 0;
    else if (good)
        good = secret_set(plain, answer.data, answer.len) == 0;
    return good ? CPS_OK : failed(fail);
}

cps_error cps3_decrypt(struct card *card, enum key_usage usage, struct span cryptogram,
                       struct secret *plain, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    struct apdu_answer answer = {.len = 0};
    cps_error error;

    if (usage != USAGE_AUTHENTICATION)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "that key does not decrypt");
    cps3_sync(cps3);
    error = cps3_need_layout(cps3, fail);
    if (error == CPS_OK && !cps3->layout.keys[usage].present)
        error = fail_set(fail, CPS_CARD_UNSUPPORTED, "the card has no such key");
    if (error == CPS_OK)
        error = cps3_need_pin(cps3, usage, fail);
    if (error == CPS_OK)
        error = need_key(cps3, usage, fail);
    if (error == CPS_OK && cryptogram.len != certificate_modulus_len(cps3->certificates[usage]))
        error = failed(fail);
    if (error == CPS_OK)
        error = decrypt_with_remedies(cps3, usage, cryptogram, &answer, fail);
    if (error != CPS_OK)
        return error;
    error = take_plain((struct span){answer.data, answer.len}, cryptogram.len, plain, fail);
    explicit_bzero(&answer, sizeof answer);
    return error;
}
