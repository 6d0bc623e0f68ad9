/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The driver "module": a card as a PKCS#11 module shows it. The module speaks to the card by
 * itself, so the transport steps aside; it still tells of removals and of resets by other programs.
 *
 * A module may keep the PIN and present it again by itself when the card has forgotten it. That is
 * never wanted: after a reset by another program the module is logged out before it is asked
 * anything else, and what it signed while such a reset happened is thrown away.
 *
 * What is in this header beside the first function is for the files of the driver alone.
 */
#ifndef PKCS11_MODULE_CARD_H
#define PKCS11_MODULE_CARD_H

#include "pkcs11/driver.h"
#include "pkcs11/module.h"

struct module_config {
    const char *path;
    const char *writes; /* directory that it may write to, or NULL */
    const char *token;  /* label of the token, or NULL: the one in the card's reader */
};

/*
 * Loads the module and finds the card in it. On success, and on failure, the transport has stepped
 * aside. CPS_CONFIGURATION: the module cannot be used. CPS_CARD_UNSUPPORTED: it has no such token,
 * or no key with a certificate in it.
 */
cps_error module_card_open(const struct module_config *config, const char *reader,
                           struct transport *transport, struct card **ret_card, struct fail *fail);

struct module_key {
    struct certificate *certificate; /* NULL: there is no such key */
    uint8_t id[CARD_ID_MAX];
    size_t id_len;
    char label[CARD_LABEL_MAX + 1];
    bool has_private;
    CK_OBJECT_HANDLE private; /* where its private key was found last: it may be gone since */
};

struct module_card {
    struct card card;
    struct module *module;
    char *reader;
    char *token; /* NULL: by reader */
    CK_SLOT_ID slot;
    CK_SESSION_HANDLE session;
    bool known; /* serial, label and model are this card's: another serial is another card */
    bool has_session;
    bool lost;     /* the session is of no use: a new one is needed */
    bool verified; /* this process gave the PIN, and no reset came since */
    unsigned generation;
    CK_FLAGS flags; /* of the token */
    CK_ULONG pin_min;
    CK_ULONG pin_max;
    char model[CARD_LABEL_MAX + 1];
    char label[CARD_LABEL_MAX + 1];
    char serial[CARD_SERIAL_MAX + 1];
    struct module_key keys[KEY_USAGES];
};

/* Text of the module, blank-padded; "" when it is not fit to be shown. size: of out, with NUL. */
void module_text(const void *bytes, size_t len, char *out, size_t size);

/*
 * First in every operation: forgets what a reset made untrue, starts the module anew when the
 * session was lost.
 */
cps_error module_sync(struct module_card *card, struct fail *fail);

/* Starts the module anew, which frees whatever it holds, and finds the same card in it. */
cps_error module_find_again(struct module_card *card, struct fail *fail);

/* What a return value other than CKR_OK means for the card: notes that, tells a removal. */
cps_error module_trouble(struct module_card *card, CK_RV rv, const char *call, struct fail *fail);

/* After an operation that needed the PIN: CPS_PIN_REQUIRED when a reset came in between. */
cps_error module_check_undisturbed(struct module_card *card, struct fail *fail);

/* Reads the flags and limits of the token anew. */
cps_error module_read_token(struct module_card *card, CK_SLOT_ID slot, struct fail *fail);

/* C_Logout, whatever comes of it. */
void module_forget_pin(struct module_card *card);

cps_error module_open_session(struct module_card *card, CK_FLAGS more, CK_SESSION_HANDLE *ret,
                              struct fail *fail);

/* Objects. Handles beyond max are left alone. */
cps_error module_find(struct module_card *card, CK_ATTRIBUTE *template, CK_ULONG n,
                      CK_OBJECT_HANDLE *handles, size_t max, size_t *ret_n, struct fail *fail);

/* An attribute of at most size bytes; *ret_len is 0 when the object does not tell it. */
cps_error module_attribute(struct module_card *card, CK_OBJECT_HANDLE object,
                           CK_ATTRIBUTE_TYPE type, void *out, size_t size, size_t *ret_len,
                           struct fail *fail);

/*
 * Fills card->keys from the certificates of the session. CPS_CERTIFICATE_INVALID: there are
 * certificates, none of them usable; CPS_CARD_UNSUPPORTED: there is none.
 */
cps_error module_read_certificates(struct module_card *card, struct fail *fail);
void module_drop_certificates(struct module_card *card);

cps_error module_pin_status(struct card *card, struct card_pin *ret_pin, struct fail *fail);
cps_error module_verify(struct card *card, const struct secret *pin, bool last_try,
                        struct card_pin *ret_pin, struct fail *fail);
cps_error module_change_pin(struct card *card, const struct secret *old_pin,
                            const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                            struct fail *fail);
cps_error module_unblock_pin(struct card *card, const struct secret *puk,
                             const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                             struct fail *fail);
cps_error module_keys(struct card *card, struct card_keys *ret_keys, struct fail *fail);
cps_error module_sign(struct card *card, enum key_usage usage, const struct sign_input *input,
                      struct card_signature *ret_signature, struct fail *fail);
cps_error module_decrypt(struct card *card, enum key_usage usage, struct span cryptogram,
                         struct secret *plain, struct fail *fail);
cps_error module_objects(struct card *card, struct card_objects *ret_objects, struct fail *fail);
cps_error module_read_object(struct card *card, const char *label, struct file *ret_value,
                             struct fail *fail);

#endif
