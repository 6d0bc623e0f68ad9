/* SPDX-License-Identifier: Apache-2.0 */
/* The CPS3 (IAS ECC), with contacts or without, by its own commands. Layout: pkcs11/layout.h. */
#include "pkcs11/cps3.h"

#include "pkcs11/code.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define INS_SELECT 0xA4
#define P1_BY_NAME 0x04
#define INS_MSE    0x22
#define P1_MSE_SET 0x41

static const uint8_t root_aid[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};

/* What the historical bytes of a CPS3 with contacts hold. */
static const uint8_t contact_atr[] = {0x12, 0x25, 0x00, 0x64, 0x80, 0x00, 0x03};

void cps3_sync(struct cps3 *cps3)
{
    if (cps3->generation == cps3->card.transport->generation)
        return;
    cps3->generation = cps3->card.transport->generation;
    cps3->in_application = false;
    cps3->verified = false;
}

static cps_error select_root(struct transport *transport, struct fail *fail)
{
    struct apdu command = {
        .ins = INS_SELECT, .p1 = P1_BY_NAME, .data = {root_aid, sizeof root_aid}};
    struct apdu_answer answer;
    cps_error error = apdu_exchange(transport, &command, &answer, fail);

    if (error == CPS_OK && answer.sw != APDU_SW_OK)
        error = apdu_refused("root applet", answer.sw, fail);
    return error;
}

cps_error cps3_enter(struct cps3 *cps3, struct fail *fail)
{
    struct transport *transport = cps3->card.transport;
    uint16_t sw;
    cps_error error = file_select(transport, &cps3->layout.application, &sw, fail);

    cps3->in_application = false;
    if (error == CPS_OK && sw != APDU_SW_OK) {
        error = select_root(transport, fail);
        if (error == CPS_OK)
            error = file_select(transport, &cps3->layout.application, &sw, fail);
        if (error == CPS_OK && sw != APDU_SW_OK)
            error = apdu_refused("application", sw, fail);
    }
    cps3->in_application = error == CPS_OK;
    return error;
}

/* Selecting a file makes its directory the current one. */
static bool is_in(const struct file_path *path, const struct file_path *application)
{
    return path->len == application->len + 2 &&
           memcmp(path->bytes, application->bytes, application->len) == 0;
}

cps_error cps3_select(struct cps3 *cps3, const struct file_path *path, const char *what,
                      struct fail *fail)
{
    uint16_t sw;
    cps_error error = file_select(cps3->card.transport, path, &sw, fail);

    cps3->in_application = false;
    if (error == CPS_OK && sw != APDU_SW_OK)
        error = apdu_refused(what, sw, fail);
    if (error == CPS_OK)
        cps3->in_application = is_in(path, &cps3->layout.application);
    return error;
}

cps_error cps3_fetch(struct cps3 *cps3, const struct file_path *path, const char *what,
                     file_length_fn length_of, struct file *ret_file, struct fail *fail)
{
    bool selected = true;
    cps_error error = file_fetch(cps3->card.transport, file_select, path, what, length_of, ret_file,
                                 &selected, fail);

    if (selected)
        cps3->in_application = error == CPS_OK && is_in(path, &cps3->layout.application);
    return error;
}

cps_error cps3_command(struct cps3 *cps3, const char *what, const struct apdu *apdu,
                       struct apdu_answer *ret_answer, struct fail *fail)
{
    cps_error error = apdu_exchange(cps3->card.transport, apdu, ret_answer, fail);

    if (error == CPS_OK && ret_answer->sw != APDU_SW_OK)
        error = apdu_refused(what, ret_answer->sw, fail);
    return error;
}

cps_error cps3_set_environment(struct cps3 *cps3, uint8_t template, uint8_t algorithm, uint8_t key,
                               struct fail *fail)
{
    const uint8_t data[] = {0x80, 0x01, algorithm, 0x84, 0x01, key};
    struct apdu set = {.ins = INS_MSE,
                       .p1 = P1_MSE_SET,
                       .p2 = template,
                       .data = {data, key == 0 ? sizeof data / 2 : sizeof data}};
    struct apdu_answer answer;

    return cps3_command(cps3, "security environment", &set, &answer, fail);
}

/*
 * One command after a reset. When another program has left the card in another directory the
 * path leads back, and when it has selected another applet, the root applet's name.
 */
static cps_error read_serial(struct cps3 *cps3, struct fail *fail)
{
    struct transport *transport = cps3->card.transport;
    bool found = false;
    cps_error error = serial_read_short(transport, &cps3->serial, &found, fail);

    if (error == CPS_OK && !found)
        error = serial_read(transport, file_select, &cps3->serial, &found, fail);
    if (error == CPS_OK && !found) {
        error = select_root(cps3->card.transport, fail);
        if (error == CPS_OK)
            error = serial_read(transport, file_select, &cps3->serial, &found, fail);
    }
    if ((error == CPS_OK && !found) || error == CPS_CARD_PROTOCOL)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "no CPS serial number on the card");
    return error;
}

static void cps3_free(struct card *card)
{
    struct cps3 *cps3 = (struct cps3 *)card;

    if (cps3 == NULL)
        return;
    for (size_t i = 0; i < KEY_USAGES; i++)
        certificate_free(cps3->certificates[i]);
    cps3->card.transport->memory = NULL;
    file_memory_free(cps3->memory);
    free(cps3);
}

static void cleanup_cps3(struct cps3 **cps3)
{
    cps3_free((struct card *)*cps3);
}

static bool cps3_expects(struct span atr)
{
    return cps3_looks_contactless(atr) ||
           memmem(atr.data, atr.len, contact_atr, sizeof contact_atr) != NULL;
}

static cps_error cps3_probe(struct transport *transport, struct card **ret_card, struct fail *fail)
{
    CLEANUP(cleanup_cps3) struct cps3 *cps3 = NULL;
    cps_error error;

    cps3 = calloc(1, sizeof *cps3);
    if (cps3 == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    cps3->card = (struct card){&cps3_driver, transport};
    cps3->generation = transport->generation;
    error = read_serial(cps3, fail);
    if (error != CPS_OK)
        return error;
    cps3->memory = file_memory_new();
    transport->memory = cps3->memory;
    *ret_card = &TAKE_PTR(cps3)->card;
    return CPS_OK;
}

static void cps3_identity(const struct card *card, struct card_identity *ret_identity)
{
    const struct cps3 *cps3 = (const struct cps3 *)card;

    ret_identity->family = "CPS3";
    ret_identity->interface = cps3->interface;
    snprintf(ret_identity->label, sizeof ret_identity->label, "CPS3 %s", cps3->serial.number);
    memcpy(ret_identity->serial, cps3->serial.number, sizeof ret_identity->serial);
    memcpy(ret_identity->issuer_number, cps3->serial.issuer, sizeof ret_identity->issuer_number);
}

const struct card_driver cps3_driver = {
    .name = "cps3",
    .pin_pad = code_pin_pad,
    .expects = cps3_expects,
    .probe = cps3_probe,
    .identity = cps3_identity,
    .certificate = cps3_certificate,
    .pin_status = cps3_pin_status,
    .verify = cps3_verify,
    .sign = cps3_sign,
    .keys = cps3_keys,
    .decrypt = cps3_decrypt,
    .change_pin = cps3_change_pin,
    .unblock_pin = cps3_unblock_pin,
    .puk_status = cps3_puk_status,
    .objects = cps3_objects,
    .read_object = cps3_read_object,
    .free = cps3_free,
};
