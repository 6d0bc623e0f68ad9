/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/cps3.h"

/* The application of the contact interface, as cards seen so far name it: walked first. */
static const uint8_t contact_aid[] = {0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25,
                                      0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};

static const struct file_path authentications = {6, {0x3F, 0x00, 0x00, 0x01, 0x70, 0x01}};

static const struct layout usual = {
    .usual = true,
    .application = {4, {0x3F, 0x00, 0x00, 0x01}},
    .keys = {[USAGE_AUTHENTICATION] = {.present = true,
                                       .reference = 0x82,
                                       .certificate = {6, {0x3F, 0x00, 0x00, 0x01, 0xA0, 0x02}},
                                       .certificate_label = "Certificat d'Authentification CPS"}},
};

cps_error cps3_layout_usual(struct transport *transport, struct layout *ret_layout,
                            struct fail *fail)
{
    return layout_try(transport, file_select, &usual, &authentications, ret_layout, fail);
}

cps_error cps3_layout_walk(struct transport *transport, struct layout *ret_layout,
                           struct fail *fail)
{
    return layout_walk(transport, file_select, (struct span){contact_aid, sizeof contact_aid},
                       USAGE_AUTHENTICATION, ret_layout, fail);
}
