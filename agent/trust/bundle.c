/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/util.h"

static bool push_copy(STACK_OF(X509) * certificates, X509 *certificate)
{
    return sk_X509_num(certificates) < BUNDLE_CERTIFICATES_MAX &&
           X509_add_cert(certificates, certificate, X509_ADD_FLAG_UP_REF) == 1;
}

static bool add_pkcs7(STACK_OF(X509) * certificates, const PKCS7 *bundle)
{
    const STACK_OF(X509) *held = NULL;

    if (PKCS7_type_is_signed(bundle) && bundle->d.sign != NULL)
        held = bundle->d.sign->cert;
    for (int i = 0; i < sk_X509_num(held); i++)
        if (!push_copy(certificates, sk_X509_value(held, i)))
            return false;
    return held != NULL;
}

/* One PEM block. False: it is neither a certificate nor PKCS#7, or one that cannot be read. */
static bool add_block(STACK_OF(X509) * certificates, const char *name, const unsigned char *der,
                      long len)
{
    const unsigned char *at = der;
    X509 *certificate = NULL;
    PKCS7 *bundle = NULL;
    bool added = false;

    if (strcmp(name, PEM_STRING_PKCS7) == 0 || strcmp(name, PEM_STRING_PKCS7_SIGNED) == 0) {
        bundle = d2i_PKCS7(NULL, &at, len);
        added = bundle != NULL && at == der + len && add_pkcs7(certificates, bundle);
    } else if (strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0) {
        certificate = d2i_X509(NULL, &at, len);
        added = certificate != NULL && at == der + len && push_copy(certificates, certificate);
    }
    PKCS7_free(bundle);
    X509_free(certificate);
    return added;
}

static bool parse_pem(STACK_OF(X509) * certificates, const void *data, size_t len)
{
    BIO *bio = BIO_new_mem_buf(data, (int)len);
    char *name = NULL, *header = NULL;
    unsigned char *der = NULL;
    bool good = bio != NULL;
    long der_len;

    while (good && PEM_read_bio(bio, &name, &header, &der, &der_len) == 1) {
        good = add_block(certificates, name, der, der_len);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_free(der);
    }
    /* Text around the blocks is usual; a block cut short is not. */
    good = good && ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    BIO_free(bio);
    return good;
}

static bool parse_der(STACK_OF(X509) * certificates, const void *data, size_t len)
{
    return add_block(certificates, PEM_STRING_X509, data, (long)len) ||
           add_block(certificates, PEM_STRING_PKCS7, data, (long)len);
}

cps_error bundle_parse(const void *data, size_t len, STACK_OF(X509) * *ret_certificates,
                       struct fail *fail)
{
    STACK_OF(X509) *certificates = sk_X509_new_null();
    bool good;

    if (certificates == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    ERR_clear_error();
    good = len > 0 && len <= BUNDLE_MAX;
    if (good && memmem(data, len, "-----BEGIN ", 11) != NULL)
        good = parse_pem(certificates, data, len);
    else if (good)
        good = parse_der(certificates, data, len);
    ERR_clear_error();
    if (good && sk_X509_num(certificates) > 0) {
        *ret_certificates = certificates;
        return CPS_OK;
    }
    sk_X509_pop_free(certificates, X509_free);
    return fail_set(fail, CPS_CONFIGURATION,
                    "not one to %d certificates in PEM, DER or PKCS#7 form",
                    BUNDLE_CERTIFICATES_MAX);
}

cps_error bundle_read(const char *path, char **ret_data, size_t *ret_len, struct fail *fail)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    AUTO_FREE char *data = malloc(BUNDLE_MAX + 1);
    struct stat st;
    size_t len = 0;
    ssize_t n = 1;

    if (fd < 0 || fstat(fd, &st) < 0)
        return fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, strerror(errno));
    if (data == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    if (!S_ISREG(st.st_mode))
        return fail_set(fail, CPS_CONFIGURATION, "%s: not a plain file", path);
    while (n > 0 && len <= BUNDLE_MAX) {
        n = read(fd, data + len, BUNDLE_MAX + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    if (n < 0 || len > BUNDLE_MAX)
        return fail_set(fail, CPS_CONFIGURATION, "%s: %s", path, strerror(n < 0 ? errno : EFBIG));
    *ret_data = TAKE_PTR(data);
    *ret_len = len;
    return CPS_OK;
}
