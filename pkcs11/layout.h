/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the keys of a card are, with what goes with them.
 *
 * A driver tries a usual layout first, and PKCS#15 is walked when it fails. What is read before it
 * is used proves the usual layout, so that no identifier is ever believed:
 *  - PIN references are read from the authentication objects (AODF), always: a PIN sent to a wrong
 *    reference burns a try of something else, and nothing could be learnt from it;
 *  - a certificate must be one, with the key usage of its key;
 *  - a key reference is proved by each of its signatures: none leaves the driver unless the
 *    certificate's key verifies it. That is as strong as what PKCS#15 tells, which only claims that
 *    key and certificate belong together.
 * A failure at any of these makes the driver walk. A walk reads all of it from the card.
 */
#ifndef PKCS11_LAYOUT_H
#define PKCS11_LAYOUT_H

#include "pkcs11/certificate.h"
#include "pkcs11/file.h"
#include "pkcs11/p15.h"

struct layout_key {
    bool present;
    uint8_t reference;
    struct file_path certificate;
    struct p15_id id;
    char label[P15_LABEL_MAX + 1];
    char certificate_label[P15_LABEL_MAX + 1];
};

struct layout {
    bool usual; /* keys and certificates are guesses until they prove themselves */
    struct file_path application;
    bool has_pin;
    bool has_puk;
    uint8_t pin_reference;
    uint8_t puk_reference;
    struct layout_key keys[KEY_USAGES];
    struct p15_files data; /* directories of data objects */
};

/* Selects and reads a whole file. A refusal is CPS_CARD_PROTOCOL; what names the file there. */
cps_error layout_read_file(struct transport *transport, file_select_fn select_path,
                           const struct file_path *path, const char *what, struct file *ret_file,
                           struct fail *fail);

/* *ret_layout is usual, with the codes that the authentication objects at that path tell. */
cps_error layout_try(struct transport *transport, file_select_fn select_path,
                     const struct layout *usual, const struct file_path *authentications,
                     struct layout *ret_layout, struct fail *fail);

/*
 * Walks the PKCS#15 of one application: it must have a key of that usage with its certificate, and
 * a PIN for it unless it is technical.
 */
cps_error layout_walk_application(struct transport *transport, file_select_fn select_path,
                                  const struct file_path *application, enum key_usage wanted,
                                  struct layout *ret_layout, struct fail *fail);

/*
 * Likewise the first such application of EF.DIR. aid: that of the one to look at before the others,
 * wherever it stands.
 */
cps_error layout_walk(struct transport *transport, file_select_fn select_path, struct span aid,
                      enum key_usage wanted, struct layout *ret_layout, struct fail *fail);

#endif
