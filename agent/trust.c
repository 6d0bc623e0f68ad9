/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/util.h"

#define SIGNATURE_MAX 512

struct trust {
    X509_STORE *anchors;
    STACK_OF(X509) * intermediates;
    unsigned n_anchors;
};

void trust_free(struct trust *trust)
{
    if (trust == NULL)
        return;
    X509_STORE_free(trust->anchors);
    sk_X509_pop_free(trust->intermediates, X509_free);
    free(trust);
}

/* Takes the certificate over. */
static bool add(struct trust *trust, X509 *certificate)
{
    bool is_anchor = X509_check_issued(certificate, certificate) == X509_V_OK;
    bool done;

    if (X509_check_ca(certificate) == 0) {
        X509_free(certificate);
        return false;
    }
    if (!is_anchor)
        return sk_X509_push(trust->intermediates, certificate) > 0;
    done = X509_STORE_add_cert(trust->anchors, certificate) == 1;
    trust->n_anchors += done ? 1 : 0;
    X509_free(certificate);
    return done;
}

static cps_error load_file(struct trust *trust, const char *path, struct fail *fail)
{
    BIO *bio = BIO_new_file(path, "re");
    X509 *certificate;
    unsigned n = 0;
    bool good = bio != NULL;

    while (good && (certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
        good = add(trust, certificate);
        n++;
    }
    BIO_free(bio);
    ERR_clear_error();
    if (!good || n == 0)
        return fail_set(fail, CPS_CONFIGURATION, "%s: not PEM certificates of authorities", path);
    return CPS_OK;
}

static cps_error load_directory(struct trust *trust, const char *directory, struct fail *fail)
{
    struct dirent **names;
    int n = scandir(directory, &names, NULL, alphasort);
    cps_error error = CPS_OK;

    if (n < 0)
        return errno == ENOENT
                   ? CPS_OK
                   : fail_set(fail, CPS_CONFIGURATION, "%s: %s", directory, strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *dot = strrchr(names[i]->d_name, '.');
        char path[PATH_MAX];

        snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
        if (error == CPS_OK && dot != NULL && strcmp(dot, ".pem") == 0)
            error = load_file(trust, path, fail);
        free(names[i]);
    }
    free(names);
    return error;
}

struct trust *trust_new(const char *directory, struct fail *fail)
{
    struct trust *trust = calloc(1, sizeof *trust);

    if (trust != NULL) {
        trust->anchors = X509_STORE_new();
        trust->intermediates = sk_X509_new_null();
    }
    if (trust == NULL || trust->anchors == NULL || trust->intermediates == NULL)
        fail_set(fail, CPS_INTERNAL, "out of memory");
    else if (load_directory(trust, directory, fail) == CPS_OK)
        return trust;
    trust_free(trust);
    return NULL;
}

unsigned trust_anchors(const struct trust *trust)
{
    return trust->n_anchors;
}

static cps_error verify_error(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_NOT_YET_VALID:
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return CPS_CERTIFICATE_EXPIRED;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return CPS_CERTIFICATE_UNTRUSTED;
    default:
        return CPS_CERTIFICATE_INVALID;
    }
}

cps_error trust_check(const struct trust *trust, X509 *certificate, struct fail *fail)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;

    if (context != NULL &&
        X509_STORE_CTX_init(context, trust->anchors, certificate, trust->intermediates) == 1) {
        X509_STORE_CTX_set_time(context, 0, (time_t)clock_real_s());
        error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    if (error != X509_V_OK)
        return fail_set(fail, verify_error(error), "%s", X509_verify_cert_error_string(error));
    if ((X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) == 0 ||
        (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0)
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "key usage: not for authentication");
    return CPS_OK;
}

cps_error trust_check_signature(X509 *certificate, const uint8_t *data, size_t len,
                                const char *signature_base64url, struct fail *fail)
{
    uint8_t signature[SIGNATURE_MAX];
    ptrdiff_t signature_len =
        b64_decode(signature_base64url, strlen(signature_base64url), signature, sizeof signature);
    EVP_PKEY *key = X509_get0_pubkey(certificate);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = false;

    if (context != NULL && key != NULL && EVP_PKEY_is_a(key, "RSA") && signature_len > 0 &&
        EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key) == 1)
        good = EVP_DigestVerify(context, signature, (size_t)signature_len, data, len) == 1;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    if (!good)
        return fail_set(fail, CPS_SIGNATURE_INVALID, "the challenge is not signed by this card");
    return CPS_OK;
}
