/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/trust/points.h"

#include <openssl/x509v3.h>
#include <string.h>

#define URL_MAX 1024

/* A new string when it is an address that can be asked, else NULL. */
static char *address(const GENERAL_NAME *name)
{
    int type = -1;
    const ASN1_STRING *text = GENERAL_NAME_get0_value(name, &type);
    const char *data;
    size_t len;

    if (type != GEN_URI)
        return NULL;
    data = (const char *)ASN1_STRING_get0_data(text);
    len = (size_t)ASN1_STRING_length(text);
    if (len > URL_MAX || memchr(data, '\0', len) != NULL ||
        (strncmp(data, "http://", 7) != 0 && strncmp(data, "https://", 8) != 0))
        return NULL;
    return strndup(data, len);
}

/* One with reasons is for these only, one with an issuer is another authority's: not for us. */
static char *of_point(const DIST_POINT *point)
{
    const GENERAL_NAMES *names;
    char *url = NULL;

    if (point->reasons != NULL || point->CRLissuer != NULL || point->distpoint == NULL ||
        point->distpoint->type != 0)
        return NULL;
    names = point->distpoint->name.fullname;
    for (int i = 0; url == NULL && i < sk_GENERAL_NAME_num(names); i++)
        url = address(sk_GENERAL_NAME_value(names, i));
    return url;
}

char *points_crl(const X509 *certificate)
{
    CRL_DIST_POINTS *points =
        X509_get_ext_d2i(certificate, NID_crl_distribution_points, NULL, NULL);
    char *url = NULL;

    for (int i = 0; url == NULL && i < sk_DIST_POINT_num(points); i++)
        url = of_point(sk_DIST_POINT_value(points, i));
    CRL_DIST_POINTS_free(points);
    return url;
}

char *points_ocsp(const X509 *certificate)
{
    AUTHORITY_INFO_ACCESS *access = X509_get_ext_d2i(certificate, NID_info_access, NULL, NULL);
    char *url = NULL;

    for (int i = 0; url == NULL && i < sk_ACCESS_DESCRIPTION_num(access); i++) {
        const ACCESS_DESCRIPTION *entry = sk_ACCESS_DESCRIPTION_value(access, i);

        if (OBJ_obj2nid(entry->method) == NID_ad_OCSP)
            url = address(entry->location);
    }
    AUTHORITY_INFO_ACCESS_free(access);
    return url;
}
