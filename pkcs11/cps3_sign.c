/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cps3.h"

#include <string.h>

#include "base/util.h"

#define INS_MSE                   0x22
#define INS_INTERNAL_AUTHENTICATE 0x88
#define P1_MSE_SET                0x41
#define P2_MSE_AUTHENTICATION     0xA4
#define ALGORITHM_RSA_PKCS1       0x02

static cps_error command(struct cps3 *cps3, const char *what, const struct apdu *apdu,
                         struct apdu_answer *ret_answer, struct fail *fail)
{
    cps_error error = apdu_exchange(cps3->card.transport, apdu, ret_answer, fail);

    if (error == CPS_OK && ret_answer->sw != APDU_SW_OK)
        error = apdu_refused(what, ret_answer->sw, fail);
    return error;
}

/* The card answered, and not with a signature of ours. */
static bool no_signature(cps_error error)
{
    return error == CPS_CARD_PROTOCOL || error == CPS_SIGNATURE_INVALID;
}

/* Security environment, then INTERNAL AUTHENTICATE, then the proof of layout and signature. */
static cps_error sign_once(struct cps3 *cps3, struct span info,
                           struct card_signature *ret_signature, struct fail *fail)
{
    const uint8_t environment[] = {0x80, 0x01, ALGORITHM_RSA_PKCS1,
                                   0x84, 0x01, cps3->layout.keys[USAGE_AUTHENTICATION].reference};
    struct apdu set = {.ins = INS_MSE,
                       .p1 = P1_MSE_SET,
                       .p2 = P2_MSE_AUTHENTICATION,
                       .data = {environment, sizeof environment}};
    struct apdu authenticate = {.ins = INS_INTERNAL_AUTHENTICATE, .data = info, .le = APDU_LE_MAX};
    struct apdu_answer answer;
    cps_error error = CPS_OK;

    if (!cps3->in_application)
        error = cps3_enter(cps3, fail);
    if (error == CPS_OK)
        error = command(cps3, "security environment", &set, &answer, fail);
    if (error == CPS_OK)
        error = command(cps3, "INTERNAL AUTHENTICATE", &authenticate, &answer, fail);
    if (error != CPS_OK)
        return error;
    if (answer.len > SIGNATURE_MAX ||
        !certificate_verifies(cps3->certificate, info, (struct span){answer.data, answer.len}))
        return fail_set(fail, CPS_SIGNATURE_INVALID, "not by the key of the certificate");
    memcpy(ret_signature->bytes, answer.data, answer.len);
    ret_signature->len = answer.len;
    cps3->layout.usual = false; /* proved */
    return CPS_OK;
}

/* The usual layout did not give a signature: walk, and see whether it is the same certificate. */
static cps_error walk_for_key(struct cps3 *cps3, struct fail *fail)
{
    AUTO_CERTIFICATE struct certificate *before = TAKE_PTR(cps3->certificate);
    cps_error error = cps3_walk(cps3, fail);

    if (error == CPS_OK)
        error = cps3_need_certificate(cps3, fail);
    if (error == CPS_OK &&
        memcmp(certificate_id(before), certificate_id(cps3->certificate), CERTIFICATE_ID_LEN) != 0)
        error = fail_set(fail, CPS_CARD_PROTOCOL, "the certificate given before was another one");
    return error;
}

/* Whether the card still has the PIN; CPS_PIN_REQUIRED when not. */
static cps_error check_pin(struct cps3 *cps3, struct fail *fail)
{
    struct card_pin pin;
    cps_error error = cps3_pin_status(&cps3->card, &pin, fail);

    if (error == CPS_OK && !pin.verified)
        error = fail_set(fail, CPS_PIN_REQUIRED, "the card has forgotten the PIN");
    return error;
}

/*
 * What may have gone wrong, cheapest first. Another program may have selected something else
 * between our transactions; it may have made the card forget the PIN; the usual layout may be
 * none of this card's.
 */
static cps_error sign_with_remedies(struct cps3 *cps3, struct span info,
                                    struct card_signature *ret_signature, struct fail *fail)
{
    bool assumed = cps3->in_application;
    struct fail lost = FAIL_INIT;
    cps_error error = sign_once(cps3, info, ret_signature, fail);

    if (no_signature(error) && assumed) {
        cps3->in_application = false;
        error = sign_once(cps3, info, ret_signature, fail);
    }
    if (!no_signature(error))
        return error;
    if (check_pin(cps3, &lost) != CPS_OK) {
        *fail = lost;
        return lost.code;
    }
    if (!cps3->layout.usual)
        return error;
    error = walk_for_key(cps3, fail);
    if (error == CPS_OK)
        error = sign_once(cps3, info, ret_signature, fail);
    return error;
}

cps_error cps3_sign(struct card *card, enum key_usage usage, const struct sign_input *input,
                    struct card_signature *ret_signature, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    cps_error error;

    if (usage != USAGE_AUTHENTICATION || input->mechanism != MECHANISM_RSA_PKCS)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "only the authentication key is supported");
    cps3_sync(cps3);
    if (!cps3->verified)
        return fail_set(fail, CPS_PIN_REQUIRED, "no PIN since the card was last reset");
    error = cps3_need_certificate(cps3, fail);
    if (error == CPS_OK)
        error = sign_with_remedies(cps3, input->data, ret_signature, fail);
    return error;
}
