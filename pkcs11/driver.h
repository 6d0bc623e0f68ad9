/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a card driver offers, whatever the card family. One driver instance serves one card through
 * one transport; every call is made between the transport's begin and end, and looks at its
 * generation to learn that the card was reset and has forgotten what was verified.
 */
#ifndef PKCS11_DRIVER_H
#define PKCS11_DRIVER_H

#include <stdbool.h>

#include "base/secret.h"
#include "pkcs11/certificate.h"
#include "pkcs11/transport.h"

#define CARD_LABEL_MAX  64
#define CARD_SERIAL_MAX 32

struct card_identity {
    const char *family; /* "CPS3" */
    char label[CARD_LABEL_MAX + 1];
    char serial[CARD_SERIAL_MAX + 1];
    char issuer_number[CARD_SERIAL_MAX + 1];
};

struct card_pin {
    int tries_left; /* -1: the card does not tell */
    bool blocked;
    bool verified; /* by this process, and the card agrees */
};

struct card_certificate {
    const struct certificate *certificate; /* borrowed: until the next call */
    char label[CARD_LABEL_MAX + 1];
};

struct card_signature {
    size_t len;
    uint8_t bytes[SIGNATURE_MAX];
};

struct card; /* a driver's own; each driver embeds it first */

struct card_driver {
    const char *name;
    /* Recognises the card. CPS_CARD_UNSUPPORTED leaves it to the other drivers. */
    cps_error (*probe)(struct transport *transport, struct card **ret_card, struct fail *fail);
    void (*identity)(const struct card *card, struct card_identity *ret_identity);
    cps_error (*certificate)(struct card *card, enum key_usage usage,
                             struct card_certificate *ret_certificate, struct fail *fail);
    cps_error (*pin_status)(struct card *card, struct card_pin *ret_pin, struct fail *fail);
    /*
     * Presents the PIN, once. CPS_PIN_INVALID: it cannot be this card's, nothing was sent.
     * CPS_PIN_LAST_TRY: one try is left and last_try does not allow it, nothing was sent.
     * CPS_PIN_WRONG and CPS_PIN_BLOCKED carry the tries left in fail.
     */
    cps_error (*verify)(struct card *card, const struct secret *pin, bool last_try,
                        struct card_pin *ret_pin, struct fail *fail);
    /* Only a signature that the certificate's key verifies is ever given. */
    cps_error (*sign)(struct card *card, enum key_usage usage, enum hash hash, struct span digest,
                      struct card_signature *ret_signature, struct fail *fail);
    void (*free)(struct card *card);
};

struct card {
    const struct card_driver *driver;
    struct transport *transport; /* borrowed */
};

extern const struct card_driver cps3_driver;

#endif
