/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What PKCS#15 directory files say (ISO 7816-15), as far as card drivers need it. Pure decoding of
 * hostile input; a record that cannot be read is skipped, as other records may be sound.
 */
#ifndef PKCS11_P15_H
#define PKCS11_P15_H

#include <stdbool.h>

#include "pkcs11/file.h"
#include "pkcs11/tlv.h"

#define P15_ID_MAX      64
#define P15_LABEL_MAX   64
#define P15_FILES_MAX   4
#define P15_OBJECTS_MAX 16
#define P15_DATA_MAX    32

struct p15_id {
    size_t len;
    uint8_t bytes[P15_ID_MAX];
};

/* One application of EF.DIR that has a path. */
struct p15_application {
    struct p15_id aid;
    struct file_path path;
};

/* Files that the ODF names, as absolute paths. */
struct p15_files {
    size_t n;
    struct file_path paths[P15_FILES_MAX];
};

struct p15_directory {
    struct p15_files private_keys;
    struct p15_files certificates;
    struct p15_files authentications;
    struct p15_files data;
};

/* A PIN that a cardholder enters or, unblocking, a PUK; no security officer's that is only that. */
struct p15_pin {
    struct p15_id auth_id;
    struct p15_id unblocked_by; /* auth_id of its PUK; empty when not told */
    uint8_t reference;
    uint32_t min_len;
    uint32_t max_len;
    bool digits;
    bool unblocking;
};

struct p15_key {
    struct p15_id id;
    struct p15_id auth_id; /* the PIN that guards it; empty when there is none */
    char label[P15_LABEL_MAX + 1];
    uint8_t reference;
    bool signs;
    bool non_repudiation;
    bool decrypts;
};

struct p15_certificate {
    struct p15_id id;
    char label[P15_LABEL_MAX + 1];
    struct file_path path;
};

/* A data object with a file of its own. */
struct p15_data {
    char label[P15_LABEL_MAX + 1];
    char application[P15_LABEL_MAX + 1];
    bool private; /* a PIN guards it */
    struct file_path path;
};

struct p15_pins {
    size_t n;
    struct p15_pin list[P15_OBJECTS_MAX];
};

struct p15_keys {
    size_t n;
    struct p15_key list[P15_OBJECTS_MAX];
};

struct p15_certificates {
    size_t n;
    struct p15_certificate list[P15_OBJECTS_MAX];
};

struct p15_data_objects {
    size_t n;
    struct p15_data list[P15_DATA_MAX];
};

bool p15_id_equal(const struct p15_id *a, const struct p15_id *b);

/* The next application of EF.DIR; false when there is no more. */
bool p15_next_application(struct span *dir, struct p15_application *ret_application);

/* Each adds what a file holds, to the maximum; application: where relative paths start. */
void p15_read_odf(struct span odf, const struct file_path *application,
                  struct p15_directory *directory);
void p15_read_aodf(struct span aodf, struct p15_pins *pins);
void p15_read_prkdf(struct span prkdf, struct p15_keys *keys);
void p15_read_cdf(struct span cdf, const struct file_path *application,
                  struct p15_certificates *certificates);
void p15_read_dodf(struct span dodf, const struct file_path *application,
                   struct p15_data_objects *objects);

#endif
