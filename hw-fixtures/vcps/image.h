/* SPDX-License-Identifier: Apache-2.0 */
/* What is on a card: everything card.json and the files beside it say. Immutable once loaded; the
 * state of a card in use (PIN tries, security environment…) lives in card.h. */
#ifndef VCPS_IMAGE_H
#define VCPS_IMAGE_H

#include <openssl/evp.h>

#include "util.h"

enum {
    IMAGE_ATR_MAX = 33,
    IMAGE_AID_MAX = 16,
    IMAGE_NAME_MAX = 64,
    IMAGE_LABEL_MAX = 32,
    IMAGE_APPS_MAX = 2,
    IMAGE_KEYS_MAX = 2,
    IMAGE_DATA_MAX = 24,
    IMAGE_PIN_MAX = 8,
};

enum personality { PERSONALITY_CPS3, PERSONALITY_CPS4, PERSONALITY_FOREIGN, PERSONALITY_MUTE };

enum access { ACCESS_ALWAYS, ACCESS_PIN, ACCESS_NEVER };

enum key_use { KEY_SIG, KEY_AUT, KEY_TECH };

struct image_key {
    enum key_use use;
    uint8_t id;        /* last byte of the CKA_ID, after the application's AID */
    uint8_t reference; /* bit 7 set: local to the application */
    uint16_t cert_fid, pub_fid;
    EVP_PKEY *pkey;
    uint8_t *cert;
    size_t cert_len;
};

struct image_data {
    char label[IMAGE_LABEL_MAX];
    uint16_t fid;
    enum access read, update;
    uint8_t *value;
    size_t len;
};

/* The PKCS#15 directory files, in the order of the ODF's CHOICE tags that we use. */
enum df_kind { DF_AODF, DF_PRKDF, DF_PUKDF, DF_CDF, DF_DODF, DF_KINDS };

struct image_df {
    enum df_kind kind;
    uint16_t fid;
};

struct image_app {
    uint8_t aid[IMAGE_AID_MAX];
    size_t aid_len;
    char label[IMAGE_LABEL_MAX];
    uint16_t df;
    bool contactless; /* no PIN; its key works over the contactless interface only */
    bool cdf_reverse; /* certificates in the opposite order of the keys */
    struct image_df odf[DF_KINDS];
    size_t n_odf;
    struct image_key keys[IMAGE_KEYS_MAX];
    size_t n_keys;
    struct image_data data[IMAGE_DATA_MAX];
    size_t n_data;
};

struct image {
    char name[IMAGE_NAME_MAX];
    enum personality personality;
    uint8_t atr[IMAGE_ATR_MAX];
    size_t atr_len;
    unsigned protocol; /* 0 or 1 */
    bool contactless;  /* which of its interfaces the card is used through */
    char serial[9];    /* eight digits */
    char pin[IMAGE_PIN_MAX + 1], puk[IMAGE_PIN_MAX + 1];
    bool short_read_6c; /* READ BINARY past the end: 6Cxx instead of data and 6282 */
    struct image_app apps[IMAGE_APPS_MAX]; /* in EF.DIR's order */
    size_t n_apps;
};

/* Reads DIR/card.json and what it names. On failure NULL, and a sentence in `err`. */
struct image *image_load(const char *dir, char *err, size_t err_len);
void image_free(struct image *im);

/* A CPS of whatever generation, as opposed to a card that only has an ATR. */
bool image_has_files(const struct image *im);

#endif
