/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/url.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/util.h"

/* A DNS name (253 characters) or a bracketed IPv6 address, ":", a port. */
#define ORIGIN_SIZE 264

static void cleanup_url(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void cleanup_part(char **part)
{
    curl_free(*part);
}

#define AUTO_URL  CLEANUP(cleanup_url)
#define AUTO_PART CLEANUP(cleanup_part)

/* Printable ASCII only: libcurl would escape or drop the rest, and judge another URL than ours. */
static bool plain(const char *url)
{
    size_t len = strlen(url);

    if (len == 0 || len > URL_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (url[i] <= ' ' || url[i] > '~' || url[i] == '\\')
            return false;
    return true;
}

static bool has(CURLU *url, CURLUPart part)
{
    AUTO_PART char *text = NULL;

    return curl_url_get(url, part, &text, 0) == CURLUE_OK;
}

static CURLU *parse(const char *text, const char *scheme)
{
    AUTO_URL CURLU *url = curl_url();
    AUTO_PART char *found = NULL;

    if (url == NULL || !plain(text) || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK)
        return NULL;
    if (curl_url_get(url, CURLUPART_SCHEME, &found, 0) != CURLUE_OK || strcmp(found, scheme) != 0)
        return NULL;
    if (has(url, CURLUPART_USER) || has(url, CURLUPART_PASSWORD) || has(url, CURLUPART_FRAGMENT))
        return NULL;
    return TAKE_PTR(url);
}

/* "host:port" of an https URL. */
static bool origin_of(const char *text, char origin[static ORIGIN_SIZE])
{
    AUTO_URL CURLU *url = parse(text, "https");
    AUTO_PART char *host = NULL;
    AUTO_PART char *port = NULL;
    int n;

    if (url == NULL || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
        curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)
        return false;
    n = snprintf(origin, ORIGIN_SIZE, "%s:%s", host, port);
    return n > 0 && n < ORIGIN_SIZE;
}

static bool host_origin(const char *host, char origin[static ORIGIN_SIZE])
{
    char url[ORIGIN_SIZE + 16];
    int n = snprintf(url, sizeof url, "https://%s", host);

    return n > 0 && (size_t)n < sizeof url && origin_of(url, origin);
}

bool url_host_valid(const char *host)
{
    char origin[ORIGIN_SIZE];

    return strpbrk(host, "/?#@%*") == NULL && host_origin(host, origin);
}

bool url_allowed(const char *url, const char *issuer, char *const *hosts)
{
    char wanted[ORIGIN_SIZE];
    char origin[ORIGIN_SIZE];

    if (!origin_of(url, wanted))
        return false;
    if (origin_of(issuer, origin) && strcasecmp(wanted, origin) == 0)
        return true;
    for (; *hosts != NULL; hosts++)
        if (host_origin(*hosts, origin) && strcasecmp(wanted, origin) == 0)
            return true;
    return false;
}

bool url_issuer_valid(const char *url)
{
    AUTO_URL CURLU *parsed = parse(url, "https");

    return parsed != NULL && !has(parsed, CURLUPART_QUERY);
}

bool url_fetch_valid(const char *url)
{
    AUTO_URL CURLU *http = parse(url, "http");
    AUTO_URL CURLU *https = parse(url, "https");

    return http != NULL || https != NULL;
}

bool url_proxy_valid(const char *url)
{
    AUTO_URL CURLU *http = parse(url, "http");
    AUTO_URL CURLU *https = parse(url, "https");
    CURLU *parsed = http != NULL ? http : https;
    AUTO_PART char *path = NULL;

    return parsed != NULL && has(parsed, CURLUPART_PORT) && !has(parsed, CURLUPART_QUERY) &&
           curl_url_get(parsed, CURLUPART_PATH, &path, 0) == CURLUE_OK && strcmp(path, "/") == 0;
}
