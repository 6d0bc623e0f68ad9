/* SPDX-License-Identifier: Apache-2.0 */
/* Contents of the card's directory files, encoded from the image. Quirks of the real card are kept
 * on purpose: the stray 80 at the head of EF.ATR, the same DDO in both EF.DIR records, the invalid
 * BIT STRING of commonObjectAttributes, relative paths, private keys with an empty path and without
 * algorithm references, TokenInfo without a serial number. */
#ifndef VCPS_P15_H
#define VCPS_P15_H

#include "der.h"
#include "image.h"

extern const uint8_t P15_ROOT_AID[8];

void p15_ef_atr(struct der *d);
void p15_ef_dir(struct der *d, const struct image *im);
void p15_ef_sn(struct der *d, const struct image *im);

void p15_odf(struct der *d, const struct image_app *app);
void p15_token_info(struct der *d, const struct image *im);
void p15_directory(struct der *d, const struct image_app *app, enum df_kind kind);

/* RSAPublicKey of PKCS#1. */
void p15_public_key(struct der *d, const EVP_PKEY *pkey);

/* Luhn digit of a text of decimal digits, as it closes the card's serial number. */
char p15_luhn(const char *digits);

#endif
