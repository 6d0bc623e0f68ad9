/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPS4 contact card (ChipDoc applet), by its own commands: all of them on logical channel 1,
 * which needs no opening. Its layout and the proof of it: pkcs11/layout.h.
 */
#include "pkcs11/cps4.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/util.h"
#include "pkcs11/code.h"

#define CHANNEL           1
#define INS_SELECT        0xA4
#define P1_BY_NAME        0x04
#define P2_NO_INFORMATION 0x0C

static const uint8_t root_aid[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};

/* Historical bytes seen on such cards. */
static const struct span histories[] = {
    {(const uint8_t *)"\x12\x25\x00\x64\x80\x00\x04", 7},
    {(const uint8_t *)"\x12\x25\x00\x64\x80\x04", 6},
};

/* The application of the contact interface: walked first. */
static const uint8_t contact_aid[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                      0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};

static const struct file_path authentications = {6, {0x3F, 0x00, 0x00, 0x01, 0x70, 0x01}};

static const struct layout usual =
    {
        .usual = true,
        .application = {4, {0x3F, 0x00, 0x00, 0x01}},
        .keys =
            {
                [USAGE_AUTHENTICATION] = {.present = true,
                                          .reference = 0x20,
                                          .certificate = {6, {0x3F, 0x00, 0x00, 0x01, 0xA0, 0x02}},
                                          .id = {14,
                                                 {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00,
                                                  0x00, 0x01, 0xFF, 0x00, 0x10, 0x20}},
                                          .label = "CPS_PRIV_AUT",
                                          .certificate_label = "Certificat d'Authentification CPS"},
                [USAGE_SIGNATURE] = {.present = true,
                                     .reference = 0x10,
                                     .certificate = {6, {0x3F, 0x00, 0x00, 0x01, 0xA0, 0x01}},
                                     .id = {14,
                                            {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00,
                                             0x01, 0xFF, 0x00, 0x10, 0x10}},
                                     .label = "CPS_PRIV_SIG",
                                     .certificate_label = "Certificat de Signature CPS"},
            },
        .data = {1, {{6, {0x3F, 0x00, 0x00, 0x01, 0x70, 0x06}}}},
};

void cps4_sync(struct cps4 *cps4)
{
    if (cps4->generation == cps4->card.transport->generation)
        return;
    cps4->generation = cps4->card.transport->generation;
    cps4->transaction = 0;
    cps4->in_application = false;
    cps4->verified = false;
}

cps_error cps4_command(struct cps4 *cps4, const char *what, const struct apdu *apdu,
                       struct apdu_answer *ret_answer, struct fail *fail)
{
    cps_error error = apdu_exchange(cps4->card.transport, apdu, ret_answer, fail);

    if (error == CPS_OK && ret_answer->sw != APDU_SW_OK)
        error = apdu_refused(what, ret_answer->sw, fail);
    return error;
}

static cps_error select_root(struct cps4 *cps4, struct fail *fail)
{
    struct apdu command = {.ins = INS_SELECT,
                           .p1 = P1_BY_NAME,
                           .p2 = P2_NO_INFORMATION,
                           .data = {root_aid, sizeof root_aid}};
    struct apdu_answer answer;

    return cps4_command(cps4, "root applet", &command, &answer, fail);
}

static bool is_in(const struct file_path *path, const struct file_path *directory)
{
    return path->len == directory->len + 2 &&
           memcmp(path->bytes, directory->bytes, directory->len) == 0;
}

cps_error cps4_select(struct cps4 *cps4, const struct file_path *path, const char *what,
                      struct fail *fail)
{
    struct transport *transport = cps4->card.transport;
    uint16_t sw;
    cps_error error = file_select_below_root(transport, path, &sw, fail);

    cps4->in_application = false;
    if (error == CPS_OK && sw != APDU_SW_OK) {
        error = select_root(cps4, fail);
        if (error == CPS_OK)
            error = file_select_below_root(transport, path, &sw, fail);
        if (error == CPS_OK && sw != APDU_SW_OK)
            error = apdu_refused(what, sw, fail);
    }
    /* Selecting a file makes its directory the current one. */
    cps4->in_application =
        error == CPS_OK && cps4->has_layout && is_in(path, &cps4->layout.application);
    return error;
}

cps_error cps4_fetch(struct cps4 *cps4, const struct file_path *path, const char *what,
                     file_length_fn length_of, struct file *ret_file, struct fail *fail)
{
    struct transport *transport = cps4->card.transport;
    bool selected = true;
    cps_error error = file_fetch(transport, file_select_below_root, path, what, length_of, ret_file,
                                 &selected, fail);

    if (error == CPS_CARD_PROTOCOL && selected) {
        error = select_root(cps4, fail);
        if (error == CPS_OK)
            error = file_fetch(transport, file_select_below_root, path, what, length_of, ret_file,
                               &selected, fail);
    }
    if (selected)
        cps4->in_application = error == CPS_OK && is_in(path, &cps4->layout.application);
    return error;
}

cps_error cps4_enter(struct cps4 *cps4, struct fail *fail)
{
    cps_error error = cps4_select(cps4, &cps4->layout.application, "application", fail);

    cps4->in_application = error == CPS_OK;
    return error;
}

/* Certificates stay away until they are read where the new layout says; objects as well. */
static void forget_layout(struct cps4 *cps4)
{
    cps4->has_layout = false;
    cps4->has_objects = false;
    cps4->in_application = false;
    for (int usage = 0; usage < KEY_USAGES; usage++) {
        cps4->proved[usage] = false;
        certificate_free(TAKE_PTR(cps4->certificates[usage]));
    }
}

bool cps4_doubt(struct cps4 *cps4)
{
    if (!file_memory_is_doubtful(cps4->memory))
        return false;
    file_memory_forget(cps4->memory);
    forget_layout(cps4);
    return true;
}

/* EF.DIR is asked only when the application is not where it usually is. */
static cps_error walk(struct cps4 *cps4, struct fail *fail)
{
    static const struct span aid = {contact_aid, sizeof contact_aid};
    struct transport *transport = cps4->card.transport;
    cps_error error = layout_walk_application(transport, file_select_below_root, &usual.application,
                                              USAGE_AUTHENTICATION, &cps4->layout, fail);

    if (error == CPS_CARD_PROTOCOL)
        error = layout_walk(transport, file_select_below_root, aid, USAGE_AUTHENTICATION,
                            &cps4->layout, fail);
    cps4->has_layout = error == CPS_OK;
    return error;
}

/* Whatever led here may be another program's doing: from the root applet. */
cps_error cps4_walk(struct cps4 *cps4, struct fail *fail)
{
    cps_error error = select_root(cps4, fail);

    file_memory_forget(cps4->memory);
    forget_layout(cps4);
    return error == CPS_OK ? walk(cps4, fail) : error;
}

/* For what is selected already. */
static cps_error select_nothing(struct transport *transport, const struct file_path *path,
                                uint16_t *ret_sw, struct fail *fail)
{
    (void)transport;
    (void)path;
    (void)fail;
    *ret_sw = APDU_SW_OK;
    return CPS_OK;
}

/* In the transaction in which the card was recognised, what was tried then need not be again. */
static cps_error try_usual(struct cps4 *cps4, bool fresh, struct fail *fail)
{
    static const struct span absent = {.len = 0};

    if (fresh && !cps4->in_authentications) {
        file_memory_note(cps4->memory, &authentications, absent);
        return fail_set(fail, CPS_CARD_PROTOCOL, "nothing where PINs usually are");
    }
    return layout_try(cps4->card.transport, fresh ? select_nothing : file_select_below_root, &usual,
                      &authentications, &cps4->layout, fail);
}

cps_error cps4_need_layout(struct cps4 *cps4, struct fail *fail)
{
    bool fresh = cps4->transaction != 0 && cps4->transaction == cps4->card.transport->transactions;
    cps_error error;

    if (cps4->has_layout)
        return CPS_OK;
    error = try_usual(cps4, fresh, fail);
    cps4->transaction = 0; /* once */
    if (error == CPS_CARD_PROTOCOL)
        error = walk(cps4, fail);
    if (error == CPS_CARD_PROTOCOL && !fresh)
        error = cps4_walk(cps4, fail);
    if (error == CPS_CARD_PROTOCOL)
        file_memory_forget(cps4->memory);
    cps4->has_layout = error == CPS_OK;
    return error;
}

/* Whether the card takes a path without 3F00, control information asked for: no CPS3 does. */
static cps_error selects(struct cps4 *cps4, const struct file_path *path, bool *ret_yes,
                         struct fail *fail)
{
    uint16_t sw;
    cps_error error = file_select_below_root(cps4->card.transport, path, &sw, fail);

    if (error == CPS_OK)
        *ret_yes = sw == APDU_SW_OK;
    return error;
}

/* The usual paths tell a CPS4, at the cost of one selection; PKCS#15 tells the others. */
static cps_error try_paths(struct cps4 *cps4, struct fail *fail)
{
    bool yes = false;
    cps_error error = selects(cps4, &authentications, &yes, fail);

    cps4->transaction = cps4->card.transport->transactions;
    cps4->in_authentications = error == CPS_OK && yes;
    if (error == CPS_OK && !yes)
        error = selects(cps4, &usual.application, &yes, fail);
    if (error == CPS_OK && !yes)
        error = walk(cps4, fail);
    return error;
}

/*
 * One command when the root applet is current. Otherwise its name leads there, and the path to the
 * file.
 */
static cps_error read_serial(struct cps4 *cps4, struct fail *fail)
{
    struct transport *transport = cps4->card.transport;
    bool found = false;
    cps_error error = serial_read_short(transport, &cps4->serial, &found, fail);

    if (error == CPS_OK && !found) {
        error = select_root(cps4, fail);
        if (error == CPS_OK)
            error = serial_read(transport, file_select_below_root, &cps4->serial, &found, fail);
    }
    if (error == CPS_OK && !found)
        error = fail_set(fail, CPS_CARD_PROTOCOL, "no CPS serial number");
    return error;
}

static cps_error recognise(struct cps4 *cps4, struct fail *fail)
{
    cps_error error = read_serial(cps4, fail);

    if (error == CPS_OK)
        error = try_paths(cps4, fail);
    if (error == CPS_CARD_PROTOCOL) {
        fail->code = CPS_CARD_UNSUPPORTED;
        return fail_add(fail, "no CPS4 on channel %d", CHANNEL);
    }
    return error;
}

static void cps4_free(struct card *card)
{
    struct cps4 *cps4 = (struct cps4 *)card;

    if (cps4 == NULL)
        return;
    forget_layout(cps4);
    cps4->card.transport->memory = NULL;
    file_memory_free(cps4->memory);
    free(cps4);
}

static void cleanup_cps4(struct cps4 **cps4)
{
    cps4_free((struct card *)*cps4);
}

static cps_error cps4_probe(struct transport *transport, struct card **ret_card, struct fail *fail)
{
    CLEANUP(cleanup_cps4) struct cps4 *cps4 = calloc(1, sizeof *cps4);
    uint8_t channel = transport->channel;
    cps_error error;

    if (cps4 == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    cps4->card = (struct card){&cps4_driver, transport};
    cps4->generation = transport->generation;
    cps4->memory = file_memory_new();
    transport->memory = cps4->memory;
    transport->channel = CHANNEL;
    error = recognise(cps4, fail);
    if (error != CPS_OK) {
        transport->channel = channel;
        return error;
    }
    *ret_card = &TAKE_PTR(cps4)->card;
    return CPS_OK;
}

static bool cps4_expects(struct span atr)
{
    for (size_t i = 0; i < sizeof histories / sizeof histories[0]; i++)
        if (atr.len > 0 && memmem(atr.data, atr.len, histories[i].data, histories[i].len) != NULL)
            return true;
    return false;
}

void cps4_identity(const struct card *card, struct card_identity *ret_identity)
{
    const struct cps4 *cps4 = (const struct cps4 *)card;

    *ret_identity = (struct card_identity){.family = "CPS4", .interface = CARD_CONTACT};
    snprintf(ret_identity->label, sizeof ret_identity->label, "CPS4 %s", cps4->serial.number);
    memcpy(ret_identity->serial, cps4->serial.number, sizeof ret_identity->serial);
    memcpy(ret_identity->issuer_number, cps4->serial.issuer, sizeof ret_identity->issuer_number);
}

const struct card_driver cps4_driver = {
    .name = "cps4",
    .pin_pad = code_pin_pad,
    .expects = cps4_expects,
    .probe = cps4_probe,
    .identity = cps4_identity,
    .certificate = cps4_certificate,
    .pin_status = cps4_pin_status,
    .verify = cps4_verify,
    .sign = cps4_sign,
    .keys = cps4_keys,
    .decrypt = cps4_decrypt,
    .change_pin = cps4_change_pin,
    .unblock_pin = cps4_unblock_pin,
    .puk_status = cps4_puk_status,
    .objects = cps4_objects,
    .read_object = cps4_read_object,
    .free = cps4_free,
};
