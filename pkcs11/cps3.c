/* SPDX-License-Identifier: Apache-2.0 */
/* The CPS3 contact card (IAS ECC), by its own commands. Layout and its proof: pkcs11/layout.h. */
#include "pkcs11/cps3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"

#define INS_SELECT 0xA4
#define P1_BY_NAME 0x04

#define SERIAL_SFI       0x1C
#define SERIAL_FILE_LEN  12
#define SERIAL_VALUE_LEN 10
#define TAG_SERIAL       0x5A

static const uint8_t issuer[] = {0x80, 0x25, 0x00, 0x00, 0x01};
static const uint8_t root_aid[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};
static const struct file_path ef_serial = {4, {0x3F, 0x00, 0xD0, 0x03}};

/* Historical bytes of cards of the same issuer that this driver must leave alone. */
static const struct {
    struct span bytes;
    const char *what;
} others[] = {
    {{(const uint8_t *)"\x12\x25\x00\x64\x80\x00\x04", 7}, "CPS4"},
    {{(const uint8_t *)"\x12\x25\x00\x64\x80\x04", 6}, "CPS4"},
    {{(const uint8_t *)"\x31\xB8\x64\x04\xB0\xEC\xC1\x73\x94\x01\x80\x82\x90\x00", 14},
     "CPS3 read without contact: its PIN key cannot be reached"},
};

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

cps_error cps3_walk(struct cps3 *cps3, struct fail *fail)
{
    cps_error error;

    cps3->has_layout = false;
    cps3->in_application = false;
    error = cps3_layout_walk(cps3->card.transport, &cps3->layout, fail);
    cps3->has_layout = error == CPS_OK;
    return error;
}

cps_error cps3_need_layout(struct cps3 *cps3, struct fail *fail)
{
    cps_error error;

    if (cps3->has_layout)
        return CPS_OK;
    cps3->in_application = false;
    error = cps3_layout_usual(cps3->card.transport, &cps3->layout, fail);
    if (error == CPS_CARD_PROTOCOL)
        return cps3_walk(cps3, fail);
    cps3->has_layout = error == CPS_OK;
    return error;
}

/* EF.SN: 5A 0A, issuer number (5 bytes), eight digits, a check digit and a filler. */
static bool parse_serial(struct span file, struct cps3 *cps3)
{
    struct span value;

    if (!tlv_find(file, TAG_SERIAL, &value) || value.len != SERIAL_VALUE_LEN ||
        memcmp(value.data, issuer, sizeof issuer) != 0)
        return false;
    for (size_t i = 0; i < sizeof issuer; i++)
        snprintf(cps3->issuer_number + 2 * i, 3, "%02X", issuer[i]);
    for (size_t i = 0; i < 4; i++) {
        uint8_t byte = value.data[sizeof issuer + i];

        if (byte >> 4 > 9 || (byte & 0x0F) > 9)
            return false;
        snprintf(cps3->serial + 2 * i, 3, "%02X", byte);
    }
    return true;
}

static cps_error serial_by_short_identifier(struct cps3 *cps3, bool *ret_found, struct fail *fail)
{
    struct apdu_answer answer;
    cps_error error =
        file_read_short(cps3->card.transport, SERIAL_SFI, SERIAL_FILE_LEN, &answer, fail);

    if (error == CPS_OK)
        *ret_found = parse_serial((struct span){answer.data, answer.len}, cps3);
    return error;
}

static size_t serial_length(struct span first)
{
    (void)first;
    return SERIAL_FILE_LEN;
}

static cps_error serial_by_path(struct cps3 *cps3, bool *ret_found, struct fail *fail)
{
    struct file file;
    uint16_t sw;
    cps_error error = file_select(cps3->card.transport, &ef_serial, &sw, fail);

    if (error != CPS_OK || sw != APDU_SW_OK)
        return error;
    error = file_read(cps3->card.transport, "serial number", serial_length, &file, fail);
    if (error == CPS_OK)
        *ret_found = parse_serial(file_span(&file), cps3);
    return error == CPS_CARD_PROTOCOL ? CPS_OK : error;
}

/*
 * One command after a reset. When another program has left the card in another directory the
 * path leads back, and when it has selected another applet, the root applet's name.
 */
static cps_error read_serial(struct cps3 *cps3, struct fail *fail)
{
    bool found = false;
    cps_error error = serial_by_short_identifier(cps3, &found, fail);

    if (error == CPS_OK && !found)
        error = serial_by_path(cps3, &found, fail);
    if (error == CPS_OK && !found) {
        error = select_root(cps3->card.transport, fail);
        if (error == CPS_OK)
            error = serial_by_path(cps3, &found, fail);
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
    certificate_free(cps3->certificate);
    free(cps3);
}

static void cleanup_cps3(struct cps3 **cps3)
{
    cps3_free((struct card *)*cps3);
}

static cps_error cps3_probe(struct transport *transport, struct card **ret_card, struct fail *fail)
{
    CLEANUP(cleanup_cps3) struct cps3 *cps3 = NULL;
    cps_error error;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (memmem(transport->atr, transport->atr_len, others[i].bytes.data, others[i].bytes.len) !=
            NULL)
            return fail_set(fail, CPS_CARD_UNSUPPORTED, "%s", others[i].what);
    cps3 = calloc(1, sizeof *cps3);
    if (cps3 == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    cps3->card = (struct card){&cps3_driver, transport};
    cps3->generation = transport->generation;
    error = read_serial(cps3, fail);
    if (error != CPS_OK)
        return error;
    *ret_card = &TAKE_PTR(cps3)->card;
    return CPS_OK;
}

static void cps3_identity(const struct card *card, struct card_identity *ret_identity)
{
    const struct cps3 *cps3 = (const struct cps3 *)card;

    ret_identity->family = "CPS3";
    snprintf(ret_identity->label, sizeof ret_identity->label, "CPS3 %s", cps3->serial);
    memcpy(ret_identity->serial, cps3->serial, sizeof ret_identity->serial);
    memcpy(ret_identity->issuer_number, cps3->issuer_number, sizeof ret_identity->issuer_number);
}

/* Reads the certificate where the layout says, and accepts it only for authentication. */
static cps_error read_certificate(struct cps3 *cps3, struct certificate **ret_certificate,
                                  struct fail *fail)
{
    const struct file_path *path = &cps3->layout.keys[USAGE_AUTHENTICATION].certificate;
    AUTO_CERTIFICATE struct certificate *certificate = NULL;
    struct file file;
    uint16_t sw;
    cps_error error = file_select(cps3->card.transport, path, &sw, fail);

    cps3->in_application = false;
    if (error == CPS_OK && sw != APDU_SW_OK)
        error = apdu_refused("certificate", sw, fail);
    if (error == CPS_OK)
        error = file_read(cps3->card.transport, "certificate", certificate_length, &file, fail);
    if (error == CPS_OK)
        error = certificate_new(file_span(&file), &certificate, fail);
    if (error != CPS_OK)
        return error;
    if (!certificate_is_for(certificate, USAGE_AUTHENTICATION))
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "not an authentication certificate");
    /* Selecting a file makes its directory the current one. */
    cps3->in_application =
        path->len == cps3->layout.application.len + 2 &&
        memcmp(path->bytes, cps3->layout.application.bytes, cps3->layout.application.len) == 0;
    *ret_certificate = TAKE_PTR(certificate);
    return CPS_OK;
}

cps_error cps3_need_certificate(struct cps3 *cps3, struct fail *fail)
{
    cps_error error;

    if (cps3->certificate != NULL)
        return CPS_OK;
    error = cps3_need_layout(cps3, fail);
    if (error != CPS_OK)
        return error;
    error = read_certificate(cps3, &cps3->certificate, fail);
    if (cps3->layout.usual && (error == CPS_CARD_PROTOCOL || error == CPS_CERTIFICATE_INVALID)) {
        error = cps3_walk(cps3, fail);
        if (error == CPS_OK)
            error = read_certificate(cps3, &cps3->certificate, fail);
    }
    return error;
}

static cps_error cps3_certificate(struct card *card, enum key_usage usage,
                                  struct card_certificate *ret_certificate, struct fail *fail)
{
    struct cps3 *cps3 = (struct cps3 *)card;
    cps_error error;

    if (usage != USAGE_AUTHENTICATION)
        return fail_set(fail, CPS_CARD_UNSUPPORTED, "only the authentication key is supported");
    cps3_sync(cps3);
    error = cps3_need_certificate(cps3, fail);
    if (error != CPS_OK)
        return error;
    ret_certificate->certificate = cps3->certificate;
    memcpy(ret_certificate->label, cps3->layout.keys[USAGE_AUTHENTICATION].certificate_label,
           sizeof ret_certificate->label);
    return CPS_OK;
}

const struct card_driver cps3_driver = {
    .name = "cps3",
    .probe = cps3_probe,
    .identity = cps3_identity,
    .certificate = cps3_certificate,
    .pin_status = cps3_pin_status,
    .verify = cps3_verify,
    .sign = cps3_sign,
    .free = cps3_free,
};
