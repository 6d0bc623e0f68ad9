/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the cps3 driver: what its files share. Others use pkcs11/driver.h. */
#ifndef PKCS11_CPS3_H
#define PKCS11_CPS3_H

#include "pkcs11/driver.h"
#include "pkcs11/file_memory.h"
#include "pkcs11/layout.h"
#include "pkcs11/serial.h"

/* Longest DigestInfo for INTERNAL AUTHENTICATE: 40 % of a 2048-bit modulus. */
#define CPS3_AUTHENTICATE_MAX 102

struct cps3 {
    struct card card;
    struct serial serial;
    bool has_layout;
    enum card_interface interface; /* which application answers; known with the layout */
    struct layout layout;
    bool proved[KEY_USAGES]; /* a signature showed that the layout is right about this key */
    struct certificate *certificates[KEY_USAGES];  /* NULL until asked for */
    uint8_t given[KEY_USAGES][CERTIFICATE_ID_LEN]; /* of the first one told to anybody */
    bool has_given[KEY_USAGES];
    bool has_objects;
    struct p15_data_objects objects;
    struct file_memory *memory; /* the transport's; NULL when there was no room for one */
    unsigned generation;        /* the transport's, when the two below were true */
    bool in_application;        /* the application was current after our last command */
    bool verified;              /* this process presented the PIN */
};

/* Forgets what a reset made untrue. Call it first in every operation. */
void cps3_sync(struct cps3 *cps3);

/* Whether this is the ATR of a CPS3 that is read without contact. */
bool cps3_looks_contactless(struct span atr);

/* Makes sure that there is a layout; PIN references in it were read from the card. */
cps_error cps3_need_layout(struct cps3 *cps3, struct fail *fail);

/*
 * When the layout rests on what was remembered of an earlier insertion, and no signature has proved
 * it yet: forgets all of it and says true. What failed may then be tried on what the card says.
 */
bool cps3_doubt(struct cps3 *cps3);

/* Reads the layout from PKCS#15 on the card, whatever it was before. */
cps_error cps3_walk(struct cps3 *cps3, struct fail *fail);

/*
 * Makes sure that there is a certificate for that usage, and that it is the one that was there
 * before, if any was. CPS_CARD_UNSUPPORTED: the card has no such key.
 */
cps_error cps3_need_certificate(struct cps3 *cps3, enum key_usage usage, struct fail *fail);

/* Selects the application, the root applet before it when another program left for another one. */
cps_error cps3_enter(struct cps3 *cps3, struct fail *fail);

/* Selects a file, knowing afterwards whether the application is current. */
cps_error cps3_select(struct cps3 *cps3, const struct file_path *path, const char *what,
                      struct fail *fail);

/* Reads a directory or a certificate, of the card or of what is remembered of it. */
cps_error cps3_fetch(struct cps3 *cps3, const struct file_path *path, const char *what,
                     file_length_fn length_of, struct file *ret_file, struct fail *fail);

/* One command to the card; a status other than 9000 is CPS_CARD_PROTOCOL. */
cps_error cps3_command(struct cps3 *cps3, const char *what, const struct apdu *apdu,
                       struct apdu_answer *ret_answer, struct fail *fail);

/* MANAGE SECURITY ENVIRONMENT: one template, of an algorithm and, unless it is 0, a key. */
cps_error cps3_set_environment(struct cps3 *cps3, uint8_t template, uint8_t algorithm, uint8_t key,
                               struct fail *fail);

/* CPS_PIN_REQUIRED unless this process presented the PIN since the last reset. */
cps_error cps3_need_pin(const struct cps3 *cps3, enum key_usage usage, struct fail *fail);

/* The same, asking the card whether it still agrees. */
cps_error cps3_check_pin(struct cps3 *cps3, enum key_usage usage, struct fail *fail);

cps_error cps3_certificate(struct card *card, enum key_usage usage,
                           struct card_certificate *ret_certificate, struct fail *fail);
cps_error cps3_keys(struct card *card, struct card_keys *ret_keys, struct fail *fail);
cps_error cps3_pin_status(struct card *card, struct card_pin *ret_pin, struct fail *fail);
cps_error cps3_verify(struct card *card, const struct secret *pin, bool last_try,
                      struct card_pin *ret_pin, struct fail *fail);
cps_error cps3_change_pin(struct card *card, const struct secret *old_pin,
                          const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                          struct fail *fail);
cps_error cps3_unblock_pin(struct card *card, const struct secret *puk,
                           const struct secret *new_pin, bool last_try, struct card_pin *ret_pin,
                           struct fail *fail);
cps_error cps3_puk_status(struct card *card, struct card_pin *ret_puk, struct fail *fail);
cps_error cps3_sign(struct card *card, enum key_usage usage, const struct sign_input *input,
                    struct card_signature *ret_signature, struct fail *fail);
cps_error cps3_decrypt(struct card *card, enum key_usage usage, struct span cryptogram,
                       struct secret *plain, struct fail *fail);
cps_error cps3_objects(struct card *card, struct card_objects *ret_objects, struct fail *fail);
cps_error cps3_read_object(struct card *card, const char *label, struct file *ret_value,
                           struct fail *fail);

#endif
