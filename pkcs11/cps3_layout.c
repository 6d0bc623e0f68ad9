/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which application answers, and where its keys are. Over contacts both are there, and the one made
 * for contacts counts; without contact it is absent. What answers decides: the ATR, which is the
 * reader's word, only says where to look first.
 */
#include "pkcs11/cps3.h"

#include <string.h>

#include "base/util.h"

#define CPX_AID "\xE8\x28\xBD\x08\x0F\x80\x25\x00\x00\x01\xFF\x00"

/* As cards seen so far name them: looked at first in a walk. */
static const struct span contact_aid = {(const uint8_t *)CPX_AID "\x10", 13};
static const struct span contactless_aid = {(const uint8_t *)CPX_AID "\x20", 13};

static const struct file_path contact_application = {4, {0x3F, 0x00, 0x00, 0x01}};
static const struct file_path authentications = {6, {0x3F, 0x00, 0x00, 0x01, 0x70, 0x01}};

/* Historical bytes of a CPS3 that is read without contact. */
static const uint8_t contactless_atr[] = {0x31, 0xB8, 0x64, 0x04, 0xB0, 0xEC, 0xC1,
                                          0x73, 0x94, 0x01, 0x80, 0x82, 0x90, 0x00};

static const struct layout usual_contact = {
    .usual = true,
    .application = {4, {0x3F, 0x00, 0x00, 0x01}},
    .keys = {[USAGE_AUTHENTICATION] = {.present = true,
                                       .reference = 0x82,
                                       .certificate = {6, {0x3F, 0x00, 0x00, 0x01, 0xA0, 0x02}},
                                       .id = {14, CPX_AID "\x10\x02"},
                                       .label = "CPS_PRIV_AUT",
                                       .certificate_label = "Certificat d'Authentification CPS"},
             [USAGE_SIGNATURE] = {.present = true,
                                  .reference = 0x81,
                                  .certificate = {6, {0x3F, 0x00, 0x00, 0x01, 0xA0, 0x01}},
                                  .id = {14, CPX_AID "\x10\x01"},
                                  .label = "CPS_PRIV_SIG",
                                  .certificate_label = "Certificat de Signature CPS"}},
};

static const struct layout usual_contactless = {
    .usual = true,
    .application = {4, {0x3F, 0x00, 0x00, 0x02}},
    .keys = {[USAGE_TECHNICAL] = {.present = true,
                                  .reference = 0x83,
                                  .certificate = {6, {0x3F, 0x00, 0x00, 0x02, 0xA0, 0x03}},
                                  .id = {14, CPX_AID "\x20\x03"},
                                  .label = "CPS_PRIV_TECH",
                                  .certificate_label = "Certificat Technique CPS"}},
};

/* Whether the application made for contacts can be reached. */
static cps_error find_contact(struct cps3 *cps3, bool *ret_there, struct fail *fail)
{
    uint16_t sw;
    cps_error error = file_select(cps3->card.transport, &contact_application, &sw, fail);

    if (error == CPS_OK)
        *ret_there = sw == APDU_SW_OK;
    return error;
}

/*
 * The walk replaces all that was assumed. Certificates read from other files than those that it
 * names are read again, and must then be the same.
 */
static void adopt(struct cps3 *cps3, const struct layout *layout, enum card_interface interface)
{
    for (size_t i = 0; i < KEY_USAGES; i++) {
        const struct file_path *before = &cps3->layout.keys[i].certificate;
        const struct file_path *after = &layout->keys[i].certificate;

        cps3->proved[i] = false;
        if (cps3->certificates[i] != NULL &&
            (before->len != after->len || memcmp(before->bytes, after->bytes, after->len) != 0)) {
            certificate_free(cps3->certificates[i]);
            cps3->certificates[i] = NULL;
        }
    }
    /* The last file that was read is one of it, unless it was remembered. */
    cps3->in_application = !file_memory_is_doubtful(cps3->memory);
    cps3->layout = *layout;
    cps3->interface = interface;
    cps3->has_layout = true;
    cps3->has_objects = false;
}

static bool announces_contactless(const struct cps3 *cps3)
{
    const struct transport *transport = cps3->card.transport;

    return cps3_looks_contactless((struct span){transport->atr, transport->atr_len});
}

/* Without contact, what is made for contacts may be there with all its files closed. */
static cps_error walk(struct cps3 *cps3, struct fail *fail)
{
    struct transport *transport = cps3->card.transport;
    struct layout layout;
    struct fail other = FAIL_INIT;
    bool there;
    cps_error error;

    cps3->has_layout = false;
    cps3->in_application = false;
    error = layout_walk(transport, file_select, contact_aid, USAGE_AUTHENTICATION, &layout, fail);
    if (error == CPS_OK)
        adopt(cps3, &layout, CARD_CONTACT);
    if (error != CPS_CARD_PROTOCOL)
        return error;
    if (find_contact(cps3, &there, &other) != CPS_OK) {
        *fail = other;
        return other.code;
    }
    if (there && !announces_contactless(cps3))
        return error;
    error = layout_walk(transport, file_select, contactless_aid, USAGE_TECHNICAL, &layout, fail);
    if (error == CPS_OK)
        adopt(cps3, &layout, CARD_CONTACTLESS);
    return error;
}

static void forget_certificates(struct cps3 *cps3)
{
    for (size_t i = 0; i < KEY_USAGES; i++)
        certificate_free(TAKE_PTR(cps3->certificates[i]));
}

bool cps3_doubt(struct cps3 *cps3)
{
    if (!file_memory_is_doubtful(cps3->memory))
        return false;
    file_memory_forget(cps3->memory);
    forget_certificates(cps3);
    cps3->has_layout = false;
    return true;
}

cps_error cps3_walk(struct cps3 *cps3, struct fail *fail)
{
    (void)cps3_doubt(cps3);
    file_memory_forget(cps3->memory);
    return walk(cps3, fail);
}

bool cps3_looks_contactless(struct span atr)
{
    return memmem(atr.data, atr.len, contactless_atr, sizeof contactless_atr) != NULL;
}

cps_error cps3_need_layout(struct cps3 *cps3, struct fail *fail)
{
    struct layout layout;
    bool there = true;
    cps_error error = CPS_OK;

    if (cps3->has_layout)
        return CPS_OK;
    cps3->in_application = false;
    if (announces_contactless(cps3))
        error = find_contact(cps3, &there, fail);
    if (error != CPS_OK)
        return error;
    if (!there) {
        adopt(cps3, &usual_contactless, CARD_CONTACTLESS);
        cps3->in_application = false;
        return CPS_OK;
    }
    error = layout_try(cps3->card.transport, file_select, &usual_contact, &authentications, &layout,
                       fail);
    if (error == CPS_CARD_PROTOCOL)
        error = walk(cps3, fail);
    else if (error == CPS_OK)
        adopt(cps3, &layout, CARD_CONTACT);
    if (error == CPS_CARD_PROTOCOL)
        file_memory_forget(cps3->memory);
    return error;
}
