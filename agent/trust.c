/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/trust/store.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/util.h"

#define SIGNATURE_MAX 512

struct trust {
    char *directory;
    bool test;
    X509_STORE *anchors;
    STACK_OF(X509) * intermediates;
    unsigned n_anchors;
    struct fail fail; /* why the store on the disk is not the one in use; CPS_OK: it is */
};

static void forget(struct trust *trust)
{
    X509_STORE_free(trust->anchors);
    sk_X509_pop_free(trust->intermediates, X509_free);
    trust->anchors = NULL;
    trust->intermediates = NULL;
    trust->n_anchors = 0;
}

void trust_free(struct trust *trust)
{
    if (trust == NULL)
        return;
    forget(trust);
    free(trust->directory);
    free(trust);
}

static bool add(struct trust *trust, X509 *certificate)
{
    if (!store_is_anchor(certificate))
        return X509_add_cert(trust->intermediates, certificate, X509_ADD_FLAG_UP_REF) == 1;
    trust->n_anchors++;
    return X509_STORE_add_cert(trust->anchors, certificate) == 1;
}

/* Reads the store; on failure trust holds nothing. */
static cps_error load(struct trust *trust, struct fail *fail)
{
    AUTO_STORE struct store *store = NULL;
    bool good;

    if (store_read(trust->directory, trust->test, &store, fail) != CPS_OK)
        return fail->code;
    trust->anchors = X509_STORE_new();
    trust->intermediates = sk_X509_new_null();
    good = trust->anchors != NULL && trust->intermediates != NULL;
    for (size_t i = 0; good && i < store->n; i++)
        good = add(trust, store->entries[i].certificate);
    ERR_clear_error();
    if (good)
        return CPS_OK;
    forget(trust);
    return fail_set(fail, CPS_INTERNAL, "out of memory");
}

struct trust *trust_new(const char *directory, bool test, struct fail *fail)
{
    struct trust *trust = calloc(1, sizeof *trust);

    if (trust != NULL)
        *trust = (struct trust){.directory = strdup(directory), .test = test, .fail = FAIL_INIT};
    if (trust == NULL || trust->directory == NULL)
        fail_set(fail, CPS_INTERNAL, "out of memory");
    else if (load(trust, fail) == CPS_OK)
        return trust;
    trust_free(trust);
    return NULL;
}

cps_error trust_reload(struct trust *trust, struct fail *fail)
{
    struct trust new = {.directory = trust->directory, .test = trust->test, .fail = FAIL_INIT};

    if (load(&new, &trust->fail) != CPS_OK) {
        *fail = trust->fail;
        return fail->code;
    }
    forget(trust);
    *trust = new;
    return CPS_OK;
}

unsigned trust_anchors(const struct trust *trust)
{
    return trust->n_anchors;
}

const struct fail *trust_fail(const struct trust *trust)
{
    return trust->fail.code != CPS_OK ? &trust->fail : NULL;
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

static cps_error check_usage(X509 *certificate, struct fail *fail)
{
    if ((X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) == 0 ||
        (X509_get_key_usage(certificate) & KU_DIGITAL_SIGNATURE) == 0)
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "key usage: not for authentication");
    return CPS_OK;
}

cps_error trust_chain(const struct trust *trust, X509 *certificate, X509 **ret_issuer,
                      struct fail *fail)
{
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int error = X509_V_ERR_OUT_OF_MEM;
    X509 *issuer = NULL;

    if (context != NULL &&
        X509_STORE_CTX_init(context, trust->anchors, certificate, trust->intermediates) == 1) {
        X509_STORE_CTX_set_time(context, 0, (time_t)clock_real_s());
        error = X509_verify_cert(context) == 1 ? X509_V_OK : X509_STORE_CTX_get_error(context);
        issuer = sk_X509_value(X509_STORE_CTX_get0_chain(context), 1);
    }
    if (error == X509_V_OK && issuer == NULL)
        error = X509_V_ERR_CERT_UNTRUSTED; /* an authority is no holder */
    if (error == X509_V_OK && check_usage(certificate, fail) == CPS_OK) {
        X509_up_ref(issuer);
        *ret_issuer = issuer;
        fail->code = CPS_OK;
    } else if (error != X509_V_OK) {
        fail_set(fail, verify_error(error), "%s", X509_verify_cert_error_string(error));
    }
    X509_STORE_CTX_free(context);
    ERR_clear_error();
    return fail->code;
}

cps_error trust_check(const struct trust *trust, X509 *certificate, struct fail *fail)
{
    X509 *issuer = NULL;
    cps_error error = trust_chain(trust, certificate, &issuer, fail);

    X509_free(issuer);
    return error;
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
