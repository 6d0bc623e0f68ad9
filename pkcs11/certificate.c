/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/certificate.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "base/proto.h"
#include "base/util.h"

struct certificate {
    X509 *x509;
    EVP_PKEY *key; /* borrowed from x509 */
    uint8_t id[CERTIFICATE_ID_LEN];
    size_t len;
    uint8_t der[];
};

void certificate_init(void)
{
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS,
                              NULL);
}

size_t certificate_length(struct span first)
{
    if (first.len < 4 || first.data[0] != 0x30 || first.data[1] != 0x82)
        return 0;
    return 4 + (size_t)(first.data[2] << 8 | first.data[3]);
}

static bool parse(struct certificate *certificate)
{
    const unsigned char *at = certificate->der;
    unsigned char *spki = NULL;
    int len;

    certificate->x509 = d2i_X509(NULL, &at, (long)certificate->len);
    if (certificate->x509 == NULL || at != certificate->der + certificate->len)
        return false;
    certificate->key = X509_get0_pubkey(certificate->x509);
    if (certificate->key == NULL || EVP_PKEY_get_base_id(certificate->key) != EVP_PKEY_RSA ||
        EVP_PKEY_get_size(certificate->key) > SIGNATURE_MAX)
        return false;
    len = i2d_PUBKEY(certificate->key, &spki);
    if (len <= 0)
        return false;
    SHA256(spki, (size_t)len, certificate->id);
    OPENSSL_free(spki);
    return true;
}

cps_error certificate_new(struct span der, struct certificate **ret_certificate, struct fail *fail)
{
    AUTO_CERTIFICATE struct certificate *certificate = NULL;
    size_t len = certificate_length(der);

    if (len == 0)
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "no certificate in the file");
    if (len > der.len || len > PROTO_CERTIFICATE_MAX)
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "certificate of %zu bytes", len);
    certificate = calloc(1, sizeof *certificate + len);
    if (certificate == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    certificate->len = len;
    memcpy(certificate->der, der.data, len);
    if (!parse(certificate))
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "not an RSA certificate");
    *ret_certificate = TAKE_PTR(certificate);
    return CPS_OK;
}

void certificate_free(struct certificate *certificate)
{
    if (certificate == NULL)
        return;
    X509_free(certificate->x509);
    free(certificate);
}

struct span certificate_der(const struct certificate *certificate)
{
    return (struct span){certificate->der, certificate->len};
}

const uint8_t *certificate_id(const struct certificate *certificate)
{
    return certificate->id;
}

size_t certificate_modulus_len(const struct certificate *certificate)
{
    return (size_t)EVP_PKEY_get_size(certificate->key);
}

bool certificate_is_for(const struct certificate *certificate, enum key_usage usage)
{
    uint32_t bits = X509_get_key_usage(certificate->x509);

    if (bits == UINT32_MAX) /* no such extension */
        return false;
    if (usage == USAGE_SIGNATURE)
        return (bits & KU_NON_REPUDIATION) != 0;
    return (bits & KU_DIGITAL_SIGNATURE) != 0 && (bits & KU_NON_REPUDIATION) == 0;
}

static void cleanup_context(EVP_PKEY_CTX **context)
{
    EVP_PKEY_CTX_free(*context);
}

/* Without a hash algorithm libcrypto compares what the padding holds, as it is. */
bool certificate_verifies(const struct certificate *certificate, struct span info,
                          struct span signature)
{
    CLEANUP(cleanup_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(certificate->key, NULL);

    return context != NULL && EVP_PKEY_verify_init(context) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1 &&
           EVP_PKEY_verify(context, signature.data, signature.len, info.data, info.len) == 1;
}

bool certificate_verifies_pss(const struct certificate *certificate, enum hash hash,
                              struct span digest, struct span signature)
{
    CLEANUP(cleanup_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(certificate->key, NULL);
    const EVP_MD *md = hash_md(hash);

    return context != NULL && EVP_PKEY_verify_init(context) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, md) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1 &&
           EVP_PKEY_verify(context, signature.data, signature.len, digest.data, digest.len) == 1;
}

static bool encrypt(const struct certificate *certificate, struct span block, uint8_t *out)
{
    CLEANUP(cleanup_context) EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(certificate->key, NULL);
    size_t len = SIGNATURE_MAX;

    return block.len == certificate_modulus_len(certificate) && context != NULL &&
           EVP_PKEY_encrypt_init(context) == 1 &&
           EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1 &&
           EVP_PKEY_encrypt(context, out, &len, block.data, block.len) == 1 && len == block.len;
}

/* The public key refuses what is not. */
bool certificate_takes(const struct certificate *certificate, struct span cryptogram)
{
    uint8_t out[SIGNATURE_MAX];

    return encrypt(certificate, cryptogram, out);
}

bool certificate_encrypts(const struct certificate *certificate, struct span block,
                          struct span cryptogram)
{
    uint8_t out[SIGNATURE_MAX];

    return encrypt(certificate, block, out) && cryptogram.len == block.len &&
           memcmp(out, cryptogram.data, cryptogram.len) == 0;
}
