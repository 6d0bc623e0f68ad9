/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the cps3 driver: what its files share. Others use pkcs11/driver.h. */
#ifndef PKCS11_CPS3_H
#define PKCS11_CPS3_H

#include "pkcs11/driver.h"
#include "pkcs11/file.h"

/* Cardholder's PIN: exactly four digits, three tries. */
#define CPS3_PIN_LEN 4
#define CPS3_TRIES   3

/*
 * Where the authentication key and what goes with it are.
 *
 * The usual layout is tried first and PKCS#15 is walked when it fails. What is read before it is
 * used proves the usual layout, so that no identifier is ever believed:
 *  - the PIN reference is read from the authentication objects (AODF), always: a PIN sent to a
 *    wrong reference burns a try of something else, and nothing could be learnt from it;
 *  - the certificate must be one, with the key usage of an authentication certificate;
 *  - the key reference is proved by its first signature: no signature leaves the driver unless the
 *    certificate's key verifies it. That one proof is as strong as PKCS#15's, which only claims
 * that key and certificate belong together, and it is renewed with each signature. A failure at any
 * of these makes the driver walk. A walk reads all of it from the card.
 */
struct cps3_layout {
    struct file_path application;
    struct file_path certificate;
    uint8_t pin_reference;
    uint8_t key_reference;
    bool usual; /* certificate and key reference are guesses until they prove themselves */
    char label[CARD_LABEL_MAX + 1];
};

struct cps3 {
    struct card card;
    char serial[CARD_SERIAL_MAX + 1];
    char issuer_number[CARD_SERIAL_MAX + 1];
    bool has_layout;
    struct cps3_layout layout;
    struct certificate *certificate; /* NULL until it was asked for */
    unsigned generation;             /* the transport's, when the two below were true */
    bool in_application;             /* the application was current after our last command */
    bool verified;                   /* this process presented the PIN */
};

/* Both give CPS_CARD_PROTOCOL when the card does not show a usable layout. */
cps_error cps3_layout_usual(struct transport *transport, struct cps3_layout *ret_layout,
                            struct fail *fail);
cps_error cps3_layout_walk(struct transport *transport, struct cps3_layout *ret_layout,
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
