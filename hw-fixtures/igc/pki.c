/* SPDX-License-Identifier: Apache-2.0 */
#include "pki.h"

#include <openssl/conf.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERSION_3 = 2,
    CRL_VERSION_2 = 1,
    CA_YEARS = 10,
};

#define CRL_URL  "http://igc-sante.test.invalid/CRL/ACI-FO-PP.crl"
#define OCSP_URL "http://ocsp.igc-sante.test.invalid/"
#define CA_URL   "http://igc-sante.test.invalid/AC/ACI-FO-PP.cer"

/* Private extensions of the holder's certificates. */
#define OID_CARD_ID    "1.2.250.1.71.1.2.2"
#define OID_CARD_TYPE  "1.2.250.1.71.1.2.3"
#define OID_PROFESSION "1.2.250.1.71.1.2.7"
#define OID_SPECIALITY "1.2.250.1.71.4.2.5"
/* Under the arc for examples: filler of the large certificate. */
#define OID_PADDING "2.999.1"

/* set: -1 joins the RDN before, 0 starts another. */
static bool add_name(X509_NAME *name, const char *field, const char *value, int set)
{
    return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, (const unsigned char *)value, -1,
                                      -1, set) == 1;
}

static bool add_ext(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    CONF *empty = NCONF_new(NULL); /* certificate policies want one, even to look at nothing */

    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509V3_set_nconf(&ctx, empty);
    X509_EXTENSION *ext = empty ? X509V3_EXT_nconf_nid(empty, &ctx, nid, value) : NULL;
    bool ok = ext && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    NCONF_free(empty);
    return ok;
}

static bool add_private_ext(X509 *cert, const char *oid, const unsigned char *der, int len)
{
    ASN1_OBJECT *obj = OBJ_txt2obj(oid, 1);
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    X509_EXTENSION *ext = NULL;

    bool ok = obj && value && ASN1_OCTET_STRING_set(value, der, len) == 1 &&
              (ext = X509_EXTENSION_create_by_OBJ(NULL, obj, 0, value)) != NULL &&
              X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    ASN1_OCTET_STRING_free(value);
    ASN1_OBJECT_free(obj);
    return ok;
}

static bool add_text_ext(X509 *cert, const char *oid, const char *text)
{
    unsigned char der[2 + 64] = {0x13, (unsigned char)strlen(text)}; /* PrintableString */

    if (strlen(text) > 64)
        return false;
    memcpy(der + 2, text, strlen(text));
    return add_private_ext(cert, oid, der, 2 + (int)strlen(text));
}

static bool add_padding(X509 *cert, size_t n)
{
    unsigned char *der = n < 0x7FF0 ? malloc(n + 4) : NULL;

    if (!der)
        return false;
    der[0] = 0x04;
    der[1] = 0x82;
    der[2] = (unsigned char)(n >> 8);
    der[3] = (unsigned char)n;
    memset(der + 4, 0x5A, n);
    bool ok = add_private_ext(cert, OID_PADDING, der, (int)(n + 4));
    free(der);
    return ok;
}

static X509 *new_cert(EVP_PKEY *key, const X509_NAME *issuer, long serial, long not_before,
                      long not_after)
{
    X509 *cert = X509_new();

    if (!cert || X509_set_version(cert, VERSION_3) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(cert), serial) != 1 ||
        !X509_gmtime_adj(X509_getm_notBefore(cert), not_before) ||
        !X509_gmtime_adj(X509_getm_notAfter(cert), not_after) || X509_set_pubkey(cert, key) != 1 ||
        (issuer && X509_set_issuer_name(cert, issuer) != 1)) {
        X509_free(cert);
        return NULL;
    }
    return cert;
}

static bool fill_ca(X509 *cert, const char *common_name, X509 *issuer)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return add_name(name, "C", "FR", 0) && add_name(name, "O", "ASIP-SANTE", 0) &&
           add_name(name, "OU", "0002 187512751", 0) && add_name(name, "OU", "IGC-SANTE TEST", 0) &&
           add_name(name, "CN", common_name, 0) &&
           X509_set_issuer_name(cert, issuer ? X509_get_subject_name(issuer) : name) == 1 &&
           add_ext(cert, issuer ? issuer : cert, NID_subject_key_identifier, "hash") &&
           add_ext(cert, issuer ? issuer : cert, NID_authority_key_identifier, "keyid:always") &&
           add_ext(cert, cert, NID_basic_constraints,
                   issuer ? "critical,CA:TRUE,pathlen:0" : "critical,CA:TRUE") &&
           add_ext(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign");
}

bool pki_ca_init(struct pki_ca *ret_ca, const char *common_name, EVP_PKEY *key,
                 const struct pki_ca *issuer, long serial)
{
    const long span = 365L * CA_YEARS * PKI_DAY;
    X509 *cert = key ? new_cert(key, NULL, serial, -span, span) : NULL;

    if (!cert || !fill_ca(cert, common_name, issuer ? issuer->cert : NULL) ||
        X509_sign(cert, issuer ? issuer->key : key, EVP_sha256()) == 0) {
        X509_free(cert);
        EVP_PKEY_free(key);
        return false;
    }
    *ret_ca = (struct pki_ca){cert, key};
    return true;
}

void pki_ca_done(struct pki_ca *ca)
{
    X509_free(ca->cert);
    EVP_PKEY_free(ca->key);
    *ca = (struct pki_ca){0};
}

/* A NULL value leaves the attribute out. */
static bool add_optional(X509_NAME *name, const char *field, const char *value, int set)
{
    return !value || add_name(name, field, value, set);
}

/* C, structure, title, then one RDN of up to three: identifier, family name, given name. */
static bool fill_name(X509_NAME *name, const struct pki_subject *s)
{
    return add_name(name, "C", "FR", 0) && add_optional(name, "O", s->organization, 0) &&
           add_optional(name, "L", s->locality, 0) && add_optional(name, "OU", s->unit, 0) &&
           add_optional(name, "title", s->title, 0) && add_name(name, "CN", s->common_name, 0) &&
           add_optional(name, "SN", s->family_name, -1) &&
           add_optional(name, "GN", s->given_name, -1);
}

static bool add_private_exts(X509 *cert, const struct pki_subject *s)
{
    const unsigned char type[3] = {0x02, 0x01, (unsigned char)s->card_type};
    char card_id[40];

    snprintf(card_id, sizeof(card_id), "8025000001/00%s", s->card_serial);
    return add_text_ext(cert, OID_CARD_ID, card_id) &&
           add_private_ext(cert, OID_CARD_TYPE, type, sizeof(type)) &&
           (!s->profession || add_text_ext(cert, OID_PROFESSION, s->profession)) &&
           (!s->speciality || add_text_ext(cert, OID_SPECIALITY, s->speciality));
}

static bool fill_holder(X509 *cert, const struct pki_subject *s, X509 *issuer)
{
    const char *usage =
        s->signature ? "critical,nonRepudiation" : "critical,digitalSignature,keyEncipherment";
    bool ok = fill_name(X509_get_subject_name(cert), s) &&
              add_ext(cert, issuer, NID_subject_key_identifier, "hash") &&
              add_ext(cert, issuer, NID_authority_key_identifier, "keyid:always") &&
              add_ext(cert, issuer, NID_key_usage, usage);

    if (ok && !s->signature)
        ok =
            add_ext(cert, issuer, NID_ext_key_usage, "clientAuth,emailProtection,msSmartcardLogin");
    if (ok && !s->bare)
        ok = add_ext(cert, issuer, NID_basic_constraints, "CA:FALSE") &&
             add_ext(cert, issuer, NID_certificate_policies, "1.2.250.1.71.2.6.1.1") &&
             add_ext(cert, issuer, NID_crl_distribution_points, "URI:" CRL_URL) &&
             add_ext(cert, issuer, NID_info_access,
                     s->ocsp ? "caIssuers;URI:" CA_URL ",OCSP;URI:" OCSP_URL
                             : "caIssuers;URI:" CA_URL) &&
             add_private_exts(cert, s);
    return ok && (s->padding == 0 || add_padding(cert, s->padding));
}

X509 *pki_issue(const struct pki_subject *s, EVP_PKEY *holder, const struct pki_ca *issuer,
                EVP_PKEY *signer)
{
    X509 *cert = new_cert(holder, X509_get_subject_name(issuer->cert), s->serial, s->not_before,
                          s->not_after);

    if (cert &&
        (!fill_holder(cert, s, issuer->cert) || X509_sign(cert, signer, EVP_sha256()) == 0)) {
        X509_free(cert);
        cert = NULL;
    }
    return cert;
}

static bool add_revoked(X509_CRL *crl, long serial, const ASN1_TIME *when)
{
    X509_REVOKED *rev = X509_REVOKED_new();
    ASN1_INTEGER *number = ASN1_INTEGER_new();

    bool ok = rev && number && ASN1_INTEGER_set(number, serial) == 1 &&
              X509_REVOKED_set_serialNumber(rev, number) == 1 &&
              X509_REVOKED_set_revocationDate(rev, (ASN1_TIME *)(uintptr_t)when) == 1 &&
              X509_CRL_add0_revoked(crl, rev) == 1;
    ASN1_INTEGER_free(number);
    if (!ok)
        X509_REVOKED_free(rev);
    return ok;
}

static bool fill_crl(X509_CRL *crl, const struct pki_ca *ca, const long *serials, size_t n)
{
    X509V3_CTX ctx;
    bool ok = true;

    for (size_t i = 0; ok && i < n; i++)
        ok = add_revoked(crl, serials[i], X509_CRL_get0_lastUpdate(crl));
    X509V3_set_ctx(&ctx, ca->cert, NULL, NULL, crl, 0);
    X509_EXTENSION *aki =
        X509V3_EXT_conf_nid(NULL, &ctx, NID_authority_key_identifier, "keyid:always");
    ASN1_INTEGER *number = ASN1_INTEGER_new();
    ok = ok && aki && X509_CRL_add_ext(crl, aki, -1) == 1 && number &&
         ASN1_INTEGER_set(number, 1) == 1 &&
         X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1;
    ASN1_INTEGER_free(number);
    X509_EXTENSION_free(aki);
    return ok && X509_CRL_sort(crl) == 1 && X509_CRL_sign(crl, ca->key, EVP_sha256()) != 0;
}

X509_CRL *pki_crl(const struct pki_ca *ca, const long *serials, size_t n, long last_update,
                  long next_update)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *last = X509_gmtime_adj(NULL, last_update);
    ASN1_TIME *next = X509_gmtime_adj(NULL, next_update);

    bool ok = crl && last && next && X509_CRL_set_version(crl, CRL_VERSION_2) == 1 &&
              X509_CRL_set_issuer_name(crl, X509_get_subject_name(ca->cert)) == 1 &&
              X509_CRL_set1_lastUpdate(crl, last) == 1 &&
              X509_CRL_set1_nextUpdate(crl, next) == 1 && fill_crl(crl, ca, serials, n);
    ASN1_TIME_free(last);
    ASN1_TIME_free(next);
    if (!ok) {
        X509_CRL_free(crl);
        crl = NULL;
    }
    return crl;
}
