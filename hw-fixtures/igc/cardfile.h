/* SPDX-License-Identifier: Apache-2.0 */
/* Writes a card's image: card.json, certificates, keys. */
#ifndef IGC_CARDFILE_H
#define IGC_CARDFILE_H

#include <jansson.h>
#include <openssl/x509.h>

#include "holder.h"

/* One card's three key pairs, borrowed. */
struct card_keys {
    EVP_PKEY *sig, *aut, *tech;
    X509 *sig_cert, *aut_cert, *tech_cert;
};

/* Creates DIR/<card>/ with all its files; `keys` may be NULL for a card without content. */
bool cardfile_write(const char *dir, const struct holder *h, const struct card_keys *keys);

/* What cards.json says of it. */
json_t *cardfile_describe(const struct holder *h, const struct card_keys *keys);

bool cardfile_save_cert(const char *path, X509 *cert, bool pem);
bool cardfile_save_key(const char *path, EVP_PKEY *key);

#endif
