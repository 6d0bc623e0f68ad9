/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/ocsp.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>

#include "agent/trust/crl.h"
#include "base/util.h"

/* An answer without date of the next one, or without nonce, is of this hour at most. */
#define AGE_MAX_S 3600

struct ocsp {
    X509 *issuer;
    OCSP_REQUEST *request;
    OCSP_CERTID *id; /* owned by the request */
};

void ocsp_free(struct ocsp *ocsp)
{
    if (ocsp == NULL)
        return;
    X509_free(ocsp->issuer);
    OCSP_REQUEST_free(ocsp->request);
    free(ocsp);
}

struct ocsp *ocsp_new(X509 *certificate, X509 *issuer)
{
    struct ocsp *ocsp = calloc(1, sizeof *ocsp);

    if (ocsp == NULL)
        return NULL;
    /* SHA-1 names the certificate here, it protects nothing: responders know no other. */
    ocsp->id = OCSP_cert_to_id(EVP_sha1(), certificate, issuer);
    ocsp->request = OCSP_REQUEST_new();
    X509_up_ref(issuer);
    ocsp->issuer = issuer;
    if (ocsp->id != NULL && ocsp->request != NULL &&
        OCSP_request_add0_id(ocsp->request, ocsp->id) != NULL &&
        OCSP_request_add1_nonce(ocsp->request, NULL, -1) == 1)
        return ocsp;
    ocsp_free(ocsp);
    return NULL;
}

int ocsp_request(const struct ocsp *ocsp, unsigned char **ret_der)
{
    *ret_der = NULL;
    return i2d_OCSP_REQUEST(ocsp->request, ret_der);
}

static cps_error refuse(struct fail *fail, const char *reason, const char *why)
{
    ERR_clear_error();
    return fail_reason(fail, CPS_REVOCATION_UNKNOWN, reason, "OCSP answer: %s", why);
}

/* Only the issuer is trusted here, and so is who shows its certificate for OCSP signing. */
static bool signed_for(const struct ocsp *ocsp, OCSP_BASICRESP *basic)
{
    STACK_OF(X509) *issuers = sk_X509_new_null();
    X509_STORE *store = X509_STORE_new();
    bool good = false;

    if (issuers != NULL && store != NULL && sk_X509_push(issuers, ocsp->issuer) > 0 &&
        X509_STORE_add_cert(store, ocsp->issuer) == 1 &&
        X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN) == 1)
        good = OCSP_basic_verify(basic, issuers, store, OCSP_NOEXPLICIT) == 1;
    X509_STORE_free(store);
    sk_X509_free(issuers);
    return good;
}

static cps_error read_status(const struct ocsp *ocsp, OCSP_BASICRESP *basic, bool nonce,
                             struct ocsp_answer *ret_answer, struct fail *fail)
{
    ASN1_GENERALIZEDTIME *revoked = NULL, *this_update = NULL, *next_update = NULL;
    int status, reason = -1;

    if (OCSP_resp_find_status(basic, ocsp->id, &status, &reason, &revoked, &this_update,
                              &next_update) != 1)
        return refuse(fail, "other", "about another certificate");
    if (OCSP_check_validity(this_update, next_update, CRL_SKEW_S,
                            nonce && next_update != NULL ? -1 : AGE_MAX_S + CRL_SKEW_S) != 1)
        return refuse(fail, "dates", "not of now");
    *ret_answer = (struct ocsp_answer){.this_update_s = crl_time(this_update),
                                       .revoked_at_s = crl_time(revoked),
                                       .reason = reason};
    ret_answer->status = status == V_OCSP_CERTSTATUS_GOOD      ? OCSP_GOOD
                         : status == V_OCSP_CERTSTATUS_REVOKED ? OCSP_REVOKED
                                                               : OCSP_UNKNOWN;
    return CPS_OK;
}

static cps_error check_basic(const struct ocsp *ocsp, OCSP_BASICRESP *basic,
                             struct ocsp_answer *ret_answer, struct fail *fail)
{
    int nonce = OCSP_check_nonce(ocsp->request, basic);

    if (!signed_for(ocsp, basic))
        return refuse(fail, "signature", "not signed for the issuer");
    if (nonce == 0)
        return refuse(fail, "nonce", "to another question");
    return read_status(ocsp, basic, nonce == 1, ret_answer, fail);
}

cps_error ocsp_check(const struct ocsp *ocsp, const void *der, size_t len,
                     struct ocsp_answer *ret_answer, struct fail *fail)
{
    const unsigned char *at = der;
    OCSP_RESPONSE *response = len <= LONG_MAX ? d2i_OCSP_RESPONSE(NULL, &at, (long)len) : NULL;
    OCSP_BASICRESP *basic = NULL;
    cps_error error;

    if (response == NULL || at != (const unsigned char *)der + len) {
        error = refuse(fail, "malformed", "not one");
    } else if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        error = refuse(fail, "refused", OCSP_response_status_str(OCSP_response_status(response)));
    } else if ((basic = OCSP_response_get1_basic(response)) == NULL) {
        error = refuse(fail, "malformed", "of an unknown kind");
    } else {
        error = check_basic(ocsp, basic, ret_answer, fail);
    }
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    ERR_clear_error();
    return error;
}
