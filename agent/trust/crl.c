/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/crl.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/util.h"

static void cleanup_crl(X509_CRL **crl)
{
    X509_CRL_free(*crl);
}

static cps_error refuse(struct fail *fail, const char *reason, const char *why)
{
    return fail_reason(fail, CPS_REVOCATION_UNKNOWN, reason, "revocation list: %s", why);
}

int64_t crl_time(const ASN1_TIME *time)
{
    struct tm parts = {0};

    return time != NULL && ASN1_TIME_to_tm(time, &parts) == 1 ? (int64_t)timegm(&parts) : -1;
}

static cps_error check_issuer(const X509_CRL *crl, X509 *issuer, struct fail *fail)
{
    AUTHORITY_KEYID *id = X509_CRL_get_ext_d2i(crl, NID_authority_key_identifier, NULL, NULL);
    bool same = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) == 0 &&
                (id == NULL || X509_check_akid(issuer, id) == X509_V_OK);

    AUTHORITY_KEYID_free(id);
    if (!same)
        return refuse(fail, "issuer", "of another authority");
    if ((X509_get_extension_flags(issuer) & EXFLAG_KUSAGE) != 0 &&
        (X509_get_key_usage(issuer) & KU_CRL_SIGN) == 0)
        return refuse(fail, "issuer_usage", "its authority may not sign lists");
    return CPS_OK;
}

static cps_error check_signature(X509_CRL *crl, X509 *issuer, struct fail *fail)
{
    int digest = NID_undef, key = NID_undef;
    EVP_PKEY *public = X509_get0_pubkey(issuer);

    if (OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, &key) != 1 ||
        digest == NID_md5 || digest == NID_sha1)
        return refuse(fail, "algorithm", "signed with an algorithm that proves nothing");
    if (public == NULL || X509_CRL_verify(crl, public) != 1)
        return refuse(fail, "signature", "not signed by its authority");
    return CPS_OK;
}

/* The point it is for must be the one it came from. */
static bool is_for(const ISSUING_DIST_POINT *point, const char *url)
{
    const GENERAL_NAMES *names;

    if (point->distpoint == NULL)
        return true;
    if (point->distpoint->type != 0) /* a name relative to the issuer's */
        return false;
    names = point->distpoint->name.fullname;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type = -1;
        const ASN1_STRING *text = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

        if (type == GEN_URI && (size_t)ASN1_STRING_length(text) == strlen(url) &&
            memcmp(ASN1_STRING_get0_data(text), url, strlen(url)) == 0)
            return true;
    }
    return false;
}

static cps_error check_scope(const X509_CRL *crl, const char *url, struct fail *fail)
{
    int critical = -1;
    ISSUING_DIST_POINT *point =
        X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
    cps_error error = CPS_OK;

    if (point == NULL)
        return critical == -1 ? CPS_OK : refuse(fail, "malformed", "its scope cannot be read");
    if (point->indirectCRL > 0)
        error = refuse(fail, "indirect", "of several authorities");
    else if (point->onlyCA > 0 || point->onlyattr > 0 || point->onlysomereasons != NULL ||
             !is_for(point, url))
        error = refuse(fail, "scope", "not for these certificates");
    ISSUING_DIST_POINT_free(point);
    return error;
}

static cps_error check_extensions(const X509_CRL *crl, struct fail *fail)
{
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *extension = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

        if (nid == NID_delta_crl)
            return refuse(fail, "delta", "only the changes since another one");
        if (X509_EXTENSION_get_critical(extension) != 0 && nid != NID_issuing_distribution_point &&
            nid != NID_crl_number && nid != NID_authority_key_identifier)
            return refuse(fail, "critical", "a critical extension is unknown");
    }
    return CPS_OK;
}

static cps_error check_entries(X509_CRL *crl, struct fail *fail)
{
    const STACK_OF(X509_REVOKED) *entries = X509_CRL_get_REVOKED(crl);

    for (int i = 0; i < sk_X509_REVOKED_num(entries); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(entries, i);

        for (int k = 0; k < X509_REVOKED_get_ext_count(entry); k++) {
            X509_EXTENSION *extension = X509_REVOKED_get_ext(entry, k);
            int nid = OBJ_obj2nid(X509_EXTENSION_get_object(extension));

            if (nid == NID_certificate_issuer)
                return refuse(fail, "indirect", "an entry is of another authority");
            if (X509_EXTENSION_get_critical(extension) != 0 && nid != NID_crl_reason &&
                nid != NID_invalidity_date)
                return refuse(fail, "critical", "a critical extension of an entry is unknown");
        }
    }
    return CPS_OK;
}

static cps_error read_number(const X509_CRL *crl, struct crl_info *info, struct fail *fail)
{
    int critical = -1;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, &critical, NULL);
    BIGNUM *value = number != NULL ? ASN1_INTEGER_to_BN(number, NULL) : NULL;
    char *text = value != NULL ? BN_bn2hex(value) : NULL;
    bool good = number == NULL ? critical == -1
                               : text != NULL && text[0] != '-' && strlen(text) < CRL_NUMBER_SIZE;

    info->number[0] = '\0';
    if (good && text != NULL)
        memcpy(info->number, text, strlen(text) + 1);
    OPENSSL_free(text);
    BN_free(value);
    ASN1_INTEGER_free(number);
    return good ? CPS_OK : refuse(fail, "malformed", "its number cannot be read");
}

/* Whole bytes in hexadecimal, without leading ones: a longer number is a greater one. */
static int compare_numbers(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);

    return a_len != b_len ? (a_len < b_len ? -1 : 1) : strcmp(a, b);
}

static cps_error check_times(const X509_CRL *crl, const struct crl_info *known,
                             struct crl_info *info, struct fail *fail)
{
    if (X509_CRL_get0_nextUpdate(crl) == NULL)
        return refuse(fail, "no_next_update", "without the date of the next one");
    info->this_update_s = crl_time(X509_CRL_get0_lastUpdate(crl));
    info->next_update_s = crl_time(X509_CRL_get0_nextUpdate(crl));
    if (info->this_update_s < 0 || info->next_update_s < info->this_update_s)
        return refuse(fail, "malformed", "its dates make no sense");
    if (info->this_update_s > clock_real_s() + CRL_SKEW_S)
        return refuse(fail, "future", "issued in the future: check the clock");
    if (known == NULL)
        return CPS_OK;
    if (compare_numbers(info->number, known->number) < 0)
        return refuse(fail, "number_back", "its number is lower than that of the last one");
    if (info->this_update_s < known->this_update_s)
        return refuse(fail, "older", "issued before the last one");
    return CPS_OK;
}

cps_error crl_read(const void *der, size_t len, X509 *issuer, const char *url,
                   const struct crl_info *known, X509_CRL **ret_crl, struct crl_info *ret_info,
                   struct fail *fail)
{
    const unsigned char *at = der;
    CLEANUP(cleanup_crl)
    X509_CRL *crl = len <= LONG_MAX ? d2i_X509_CRL(NULL, &at, (long)len) : NULL;
    struct crl_info info = {.number = ""};

    ERR_clear_error();
    if (crl == NULL || at != (const unsigned char *)der + len)
        return refuse(fail, "malformed", "not one");
    /* Nothing in it is looked at before its signature. */
    if (check_issuer(crl, issuer, fail) != CPS_OK || check_signature(crl, issuer, fail) != CPS_OK ||
        check_extensions(crl, fail) != CPS_OK || check_scope(crl, url, fail) != CPS_OK ||
        check_entries(crl, fail) != CPS_OK || read_number(crl, &info, fail) != CPS_OK ||
        check_times(crl, known, &info, fail) != CPS_OK) {
        ERR_clear_error();
        return fail->code;
    }
    if (X509_CRL_get_REVOKED(crl) != NULL)
        info.entries = (size_t)sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));
    *ret_info = info;
    *ret_crl = TAKE_PTR(crl);
    return CPS_OK;
}
