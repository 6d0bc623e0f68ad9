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
#include "pkcs11/file.h"
#include "pkcs11/transport.h"

#define CARD_LABEL_MAX  64
#define CARD_SERIAL_MAX 32

#define CARD_ID_MAX      32
#define CARD_OBJECTS_MAX 32

enum card_interface { CARD_CONTACT, CARD_CONTACTLESS };

struct card_identity {
    const char *family; /* "CPS3", "CPS4", or what a PKCS#11 module calls its token's model */
    enum card_interface interface;
    char label[CARD_LABEL_MAX + 1];
    char serial[CARD_SERIAL_MAX + 1];
    char issuer_number[CARD_SERIAL_MAX + 1];
};

/* What a key signs or decrypts, named after the PKCS#11 mechanisms; bits. */
enum key_mechanism {
    MECHANISM_RSA_PKCS = 1 << 0,        /* signs the DigestInfo that it is given */
    MECHANISM_RSA_PKCS_PSS = 1 << 1,    /* signs a hash value; MGF1 and salt length of that hash */
    MECHANISM_SHA1_RSA_PKCS = 1 << 2,   /* the card itself does the last round of the hash */
    MECHANISM_SHA256_RSA_PKCS = 1 << 3, /* likewise */
    MECHANISM_DECRYPT_RSA_PKCS = 1 << 4,
};

/* One key and its certificate, as far as it is told without reading the certificate. */
struct card_key {
    enum key_usage usage;
    unsigned mechanisms;     /* enum key_mechanism */
    size_t input_max;        /* longest DigestInfo that MECHANISM_RSA_PKCS takes */
    uint8_t id[CARD_ID_MAX]; /* iD of PKCS#15, CKA_ID of PKCS#11 */
    size_t id_len;
    char label[CARD_LABEL_MAX + 1];
    char certificate_label[CARD_LABEL_MAX + 1];
};

struct card_keys {
    size_t n;
    struct card_key list[KEY_USAGES];
};

/*
 * What is to be signed.
 *  RSA_PKCS: data is the DigestInfo. RSA_PKCS_PSS: data is the value of hash.
 *  SHA1_ and SHA256_RSA_PKCS: data is the last block of the message, 0 to 64 bytes (empty only for
 * an empty message); state is the hash's chaining value before it and hashed the bytes that made
 * it, a multiple of 64 (none: state is empty).
 */
struct sign_input {
    enum key_mechanism mechanism;
    enum hash hash;
    struct span data;
    struct span state;
    uint64_t hashed;
};

/* A data object of the card (PKCS#15 DODF): CPS_ID_CARD, CPS_ACTIVITY_01_PS… */
struct card_object {
    char label[CARD_LABEL_MAX + 1];
    char application[CARD_LABEL_MAX + 1];
    bool private; /* readable after the PIN only */
};

struct card_objects {
    size_t n;
    struct card_object list[CARD_OBJECTS_MAX];
};

struct card_pin {
    bool none;      /* nothing on this card is guarded by a PIN: the rest is meaningless */
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
    /* Whether verify and change_pin take a PIN from the reader's own keys. NULL: they do not. */
    bool (*pin_pad)(const struct card *card);
    /* Whether this is the ATR of its cards: it is then asked before the others, no more than that.
     * NULL: it has no such idea. */
    bool (*expects)(struct span atr);
    /* Recognises the card. CPS_CARD_UNSUPPORTED leaves it to the other drivers. */
    cps_error (*probe)(struct transport *transport, struct card **ret_card, struct fail *fail);
    void (*identity)(const struct card *card, struct card_identity *ret_identity);
    cps_error (*certificate)(struct card *card, enum key_usage usage,
                             struct card_certificate *ret_certificate, struct fail *fail);
    cps_error (*pin_status)(struct card *card, struct card_pin *ret_pin, struct fail *fail);
    /*
     * Presents the PIN, once. CPS_PIN_INVALID: it cannot be this card's, nothing was sent.
     * A PIN of NULL is typed on the reader (pkcs11/pin_pad.h), when pin_pad says so.
     * CPS_PIN_LAST_TRY: one try is left and last_try does not allow it, nothing was sent.
     * CPS_PIN_WRONG and CPS_PIN_BLOCKED carry the tries left in fail (-1: the card does not tell).
     */
    cps_error (*verify)(struct card *card, const struct secret *pin, bool last_try,
                        struct card_pin *ret_pin, struct fail *fail);
    /* CPS_CARD_UNSUPPORTED: no such key, or not this mechanism. Only a signature that the
     * certificate's key verifies is ever given. */
    cps_error (*sign)(struct card *card, enum key_usage usage, const struct sign_input *input,
                      struct card_signature *ret_signature, struct fail *fail);

    /* What follows may be NULL: the driver's cards cannot do it (CPS_CARD_UNSUPPORTED). */

    cps_error (*keys)(struct card *card, struct card_keys *ret_keys, struct fail *fail);
    /* Takes the PKCS#1 v1.5 padding off. Whatever is wrong with it gives one and the same error,
     * CPS_DECRYPT_FAILED. */
    cps_error (*decrypt)(struct card *card, enum key_usage usage, struct span cryptogram,
                         struct secret *plain, struct fail *fail);
    /* Like verify as to tries: the old PIN or the PUK is presented once. New ones of a wrong form
     * are CPS_PIN_INVALID and nothing is sent. */
    cps_error (*change_pin)(struct card *card, const struct secret *old_pin,
                            const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                            struct fail *fail);
    /* CPS_PUK_WRONG and CPS_PUK_BLOCKED carry the tries of the PUK left in fail. */
    cps_error (*unblock_pin)(struct card *card, const struct secret *puk,
                             const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                             struct fail *fail);
    /* Tries left of the PUK. */
    cps_error (*puk_status)(struct card *card, struct card_pin *ret_puk, struct fail *fail);
    cps_error (*objects)(struct card *card, struct card_objects *ret_objects, struct fail *fail);
    /* By label. CPS_PIN_REQUIRED: private, and the PIN is not verified. */
    cps_error (*read_object)(struct card *card, const char *label, struct file *ret_value,
                             struct fail *fail);
    /* Before the transport resets the card: what drives the card forgets the PIN, too. */
    void (*logout)(struct card *card);
    void (*free)(struct card *card);
};

struct card {
    const struct card_driver *driver;
    struct transport *transport; /* borrowed */
};

extern const struct card_driver cps3_driver;
extern const struct card_driver cps4_driver;

#endif
