/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the cps4 driver: what its files share. Others use pkcs11/driver.h. */
#ifndef PKCS11_CPS4_H
#define PKCS11_CPS4_H

#include "pkcs11/driver.h"
#include "pkcs11/file_memory.h"
#include "pkcs11/layout.h"
#include "pkcs11/serial.h"

struct cps4 {
    struct card card;
    struct serial serial;
    bool has_layout;
    struct layout layout;
    struct certificate *certificates[KEY_USAGES]; /* NULL until asked for */
    /* certificate_id() of those that were ever read: a card does not get another one. */
    bool has_id[KEY_USAGES];
    uint8_t ids[KEY_USAGES][CERTIFICATE_ID_LEN];
    bool proved[KEY_USAGES]; /* the key reference of the layout has worked */
    bool has_objects;
    struct p15_data_objects objects;
    struct file_memory *memory; /* the transport's; NULL when there was no room for one */
    unsigned transaction;       /* in which the card was recognised; 0: long ago */
    bool in_authentications; /* the usual file of authentication objects was there, and selected */
    unsigned generation;     /* the transport's, when the two below were true */
    bool in_application;     /* the application was current after our last command */
    bool verified;           /* this process presented the PIN */
};

/* Forgets what a reset made untrue. Call it first in every operation. */
void cps4_sync(struct cps4 *cps4);

/* Makes sure that there is a layout, with code references read from the card. */
cps_error cps4_need_layout(struct cps4 *cps4, struct fail *fail);

/*
 * When the layout rests on what was remembered of an earlier insertion, and nothing has proved it
 * yet: forgets all of it and says true. What failed may then be tried on what the card says.
 */
bool cps4_doubt(struct cps4 *cps4);

/* Reads the layout from PKCS#15 on the card, whatever it was before. */
cps_error cps4_walk(struct cps4 *cps4, struct fail *fail);

/* Makes sure that there is a certificate, read from the card, and of that usage. */
cps_error cps4_need_certificate(struct cps4 *cps4, enum key_usage usage, struct fail *fail);

/* Selects the application. */
cps_error cps4_enter(struct cps4 *cps4, struct fail *fail);

/*
 * Selects by path, by the root applet first when another program left for another one. A refusal
 * is CPS_CARD_PROTOCOL; what names the file there.
 */
cps_error cps4_select(struct cps4 *cps4, const struct file_path *path, const char *what,
                      struct fail *fail);

/* Reads a certificate, of the card as cps4_select() does or of what is remembered of it. */
cps_error cps4_fetch(struct cps4 *cps4, const struct file_path *path, const char *what,
                     file_length_fn length_of, struct file *ret_file, struct fail *fail);

/* One command; what names it in CPS_CARD_PROTOCOL when its status word is not 9000. */
cps_error cps4_command(struct cps4 *cps4, const char *what, const struct apdu *apdu,
                       struct apdu_answer *ret_answer, struct fail *fail);

/*
 * One use of a key, its certificate at hand: to be proved before it is believed, by the
 * certificate. CPS_CARD_PROTOCOL and CPS_SIGNATURE_INVALID say that the card answered, and not
 * what was wanted.
 */
typedef cps_error (*cps4_use_fn)(struct cps4 *cps4, enum key_usage usage, void *use,
                                 struct fail *fail);

/* Uses a key, with what remedies there are when that fails. */
cps_error cps4_use_key(struct cps4 *cps4, enum key_usage usage, cps4_use_fn fn, void *use,
                       struct fail *fail);

/* A whole block through the key, without any padding: PSO DECIPHER. ret_out: as long as it. */
cps_error cps4_raw(struct cps4 *cps4, enum key_usage usage, struct span block, uint8_t *ret_out,
                   struct fail *fail);

void cps4_identity(const struct card *card, struct card_identity *ret_identity);
cps_error cps4_certificate(struct card *card, enum key_usage usage,
                           struct card_certificate *ret_certificate, struct fail *fail);
cps_error cps4_keys(struct card *card, struct card_keys *ret_keys, struct fail *fail);
cps_error cps4_pin_status(struct card *card, struct card_pin *ret_pin, struct fail *fail);
cps_error cps4_verify(struct card *card, const struct secret *pin, bool last_try,
                      struct card_pin *ret_pin, struct fail *fail);
cps_error cps4_change_pin(struct card *card, const struct secret *old_pin,
                          const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                          struct fail *fail);
cps_error cps4_puk_status(struct card *card, struct card_pin *ret_puk, struct fail *fail);
cps_error cps4_unblock_pin(struct card *card, const struct secret *puk,
                           const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                           struct fail *fail);
cps_error cps4_sign(struct card *card, enum key_usage usage, const struct sign_input *input,
                    struct card_signature *ret_signature, struct fail *fail);
cps_error cps4_decrypt(struct card *card, enum key_usage usage, struct span cryptogram,
                       struct secret *plain, struct fail *fail);
cps_error cps4_objects(struct card *card, struct card_objects *ret_objects, struct fail *fail);
cps_error cps4_read_object(struct card *card, const char *label, struct file *ret_value,
                           struct fail *fail);

#endif
