/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the cps3 driver: what its files share. Others use pkcs11/driver.h. */
#ifndef PKCS11_CPS3_H
#define PKCS11_CPS3_H

#include "pkcs11/driver.h"
#include "pkcs11/layout.h"

struct cps3 {
    struct card card;
    char serial[CARD_SERIAL_MAX + 1];
    char issuer_number[CARD_SERIAL_MAX + 1];
    bool has_layout;
    struct layout layout;
    struct certificate *certificate; /* NULL until it was asked for */
    unsigned generation;             /* the transport's, when the two below were true */
    bool in_application;             /* the application was current after our last command */
    bool verified;                   /* this process presented the PIN */
};

/* Both give CPS_CARD_PROTOCOL when the card does not show a usable layout. */
cps_error cps3_layout_usual(struct transport *transport, struct layout *ret_layout,
                            struct fail *fail);
cps_error cps3_layout_walk(struct transport *transport, struct layout *ret_layout,
                           struct fail *fail);

/* Forgets what a reset made untrue. Call it first in every operation. */
void cps3_sync(struct cps3 *cps3);

/* Makes sure that there is a layout, with a PIN reference read from the card. */
cps_error cps3_need_layout(struct cps3 *cps3, struct fail *fail);

/* Reads the layout from PKCS#15, whatever it was before. */
cps_error cps3_walk(struct cps3 *cps3, struct fail *fail);

/* Makes sure that there is an authentication certificate, read from the card. */
cps_error cps3_need_certificate(struct cps3 *cps3, struct fail *fail);

/* Selects the application, the root applet before it when another program left for another one. */
cps_error cps3_enter(struct cps3 *cps3, struct fail *fail);

cps_error cps3_pin_status(struct card *card, struct card_pin *ret_pin, struct fail *fail);
cps_error cps3_verify(struct card *card, const struct secret *pin, bool last_try,
                      struct card_pin *ret_pin, struct fail *fail);
cps_error cps3_sign(struct card *card, enum key_usage usage, const struct sign_input *input,
                    struct card_signature *ret_signature, struct fail *fail);

#endif
