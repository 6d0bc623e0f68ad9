/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/client_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/util.h"
#include "oidc/client_token.h"
#include "oidc/secret_file.h"

#define CHAIN_MAX 8

struct client_key {
    EVP_PKEY *private; /* NULL: of a token not opened yet */
    X509 *certificate;
    STACK_OF(X509) * chain;
    char *uri; /* of a token, else NULL */
    char *module;
    struct secret *pin;
};

static void cleanup_bio(BIO **bio)
{
    BIO_free_all(*bio);
}

#define AUTO_BIO CLEANUP(cleanup_bio)

bool client_key_is_token(const char *key)
{
    return strncmp(key, "pkcs11:", 7) == 0;
}

void client_key_free(struct client_key *key)
{
    if (key == NULL)
        return;
    EVP_PKEY_free(key->private);
    X509_free(key->certificate);
    sk_X509_pop_free(key->chain, X509_free);
    free(key->uri);
    free(key->module);
    secret_free(key->pin);
    free(key);
}

static cps_error wrong(struct fail *fail, const char *path, const char *why)
{
    ERR_clear_error();
    return fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, why);
}

/* No passphrase: there is nobody to ask. */
static int no_passphrase(char *text, int size, int writing, void *user)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)user;
    return 0;
}

static cps_error read_private(struct client_key *key, const char *path, struct fail *fail)
{
    AUTO_SECRET struct secret *pem = NULL;
    AUTO_BIO BIO *bio = NULL;

    if (secret_file_load(path, &pem, fail) != CPS_OK)
        return fail->code;
    bio = BIO_new_mem_buf(secret_data(pem), (int)secret_len(pem));
    key->private = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL) : NULL;
    return key->private != NULL ? CPS_OK
                                : wrong(fail, path, "not a private key in PEM without passphrase");
}

static cps_error read_certificates(struct client_key *key, const char *path, struct fail *fail)
{
    AUTO_BIO BIO *bio = path[0] == '/' ? BIO_new_file(path, "r") : NULL;
    X509 *next;

    if (bio == NULL)
        return wrong(fail, path, "must be the absolute path of a readable file");
    key->certificate = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL);
    key->chain = sk_X509_new_null();
    if (key->certificate == NULL || key->chain == NULL)
        return wrong(fail, path, "not a certificate in PEM");
    while ((next = PEM_read_bio_X509(bio, NULL, no_passphrase, NULL)) != NULL)
        if (sk_X509_num(key->chain) == CHAIN_MAX || sk_X509_push(key->chain, next) == 0) {
            X509_free(next);
            return wrong(fail, path, "too many certificates");
        }
    ERR_clear_error(); /* the end of the file */
    return CPS_OK;
}

static cps_error check_pair(const struct client_key *key, struct fail *fail)
{
    if (key->certificate == NULL || key->private == NULL ||
        X509_check_private_key(key->certificate, key->private) == 1)
        return CPS_OK;
    ERR_clear_error();
    return fail_reason(fail, CPS_CONFIGURATION, "client_key",
                       "the certificate is not that of the key");
}

cps_error client_key_open(const struct client_key_source *source, struct client_key **ret_key,
                          struct fail *fail)
{
    AUTO_CLIENT_KEY struct client_key *key = calloc(1, sizeof *key);
    bool token = client_key_is_token(source->key);

    if (key == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (token) {
        key->uri = strdup(source->key);
        key->module = strdup(source->module);
        if (key->uri == NULL || key->module == NULL)
            return fail_set(fail, CPS_INTERNAL, "out of memory");
    } else if (read_private(key, source->key, fail) != CPS_OK) {
        return fail->code;
    }
    if (source->pin_file != NULL && secret_file_read(source->pin_file, &key->pin, fail) != CPS_OK)
        return fail->code;
    if (source->certificate != NULL && read_certificates(key, source->certificate, fail) != CPS_OK)
        return fail->code;
    if (check_pair(key, fail) != CPS_OK)
        return fail->code;
    *ret_key = TAKE_PTR(key);
    return CPS_OK;
}

cps_error client_key_private(struct client_key *key, EVP_PKEY **ret_private, struct fail *fail)
{
    if (key->private == NULL &&
        client_token_load(key->uri, key->module, key->pin, &key->private, fail) != CPS_OK)
        return fail->code;
    if (check_pair(key, fail) != CPS_OK) {
        client_key_forget(key);
        return fail->code;
    }
    *ret_private = key->private;
    return CPS_OK;
}

void client_key_forget(struct client_key *key)
{
    if (key == NULL || key->uri == NULL)
        return;
    EVP_PKEY_free(key->private);
    key->private = NULL;
}

bool client_key_use(struct client_key *key, SSL_CTX *tls)
{
    struct fail fail = FAIL_INIT;
    EVP_PKEY *private = NULL;

    if (client_key_private(key, &private, &fail) != CPS_OK || key->certificate == NULL ||
        SSL_CTX_use_certificate(tls, key->certificate) != 1 ||
        SSL_CTX_use_PrivateKey(tls, private) != 1)
        return false;
    for (int i = 0; i < sk_X509_num(key->chain); i++)
        if (SSL_CTX_add1_chain_cert(tls, sk_X509_value(key->chain, i)) != 1)
            return false;
    return true;
}

X509 *client_key_certificate(const struct client_key *key)
{
    return key->certificate;
}
