/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's private key, with the certificate that goes with it: in a file, or in a PKCS#11
 * token (HSM, TPM). A file is read once, at start. A token is opened when the key is first needed,
 * and again when it was lost; its module runs in this process, and whatever it makes wait waits
 * here.
 */
#ifndef OIDC_CLIENT_KEY_H
#define OIDC_CLIENT_KEY_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "base/fail.h"

struct client_key;

struct client_key_source {
    const char *key;         /* absolute path of a PEM file, or a "pkcs11:" URI (RFC 7512) */
    const char *certificate; /* absolute path of a PEM file, the chain behind it; or NULL */
    const char *module;      /* of a token: absolute path of its PKCS#11 module */
    const char *pin_file;    /* of a token: file that holds its PIN, or NULL */
};

bool client_key_is_token(const char *key);

/*
 * Reads the files: a private key and a PIN are guarded as oidc/secret_file.h says, and the
 * certificate has to be that of the key. CPS_CONFIGURATION says what is wrong.
 */
cps_error client_key_open(const struct client_key_source *source, struct client_key **ret_key,
                          struct fail *fail);
void client_key_free(struct client_key *key);

/*
 * The private key, borrowed. CPS_CONFIGURATION with reason "client_key" when its token is not
 * there or refuses.
 */
cps_error client_key_private(struct client_key *key, EVP_PKEY **ret_private, struct fail *fail);

/* It did not work: the key of a token is looked for again when it is needed next. */
void client_key_forget(struct client_key *key);

/* Gives certificate, chain and key to a TLS client. */
bool client_key_use(struct client_key *key, SSL_CTX *tls);

/* The certificate, or NULL. Borrowed. */
X509 *client_key_certificate(const struct client_key *key);

static inline void cleanup_client_key(struct client_key **key)
{
    client_key_free(*key);
}

#define AUTO_CLIENT_KEY __attribute__((cleanup(cleanup_client_key)))

#endif
