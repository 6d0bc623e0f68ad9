/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/web_origin.h"

#include <stdlib.h>
#include <string.h>

#define HTTPS     "https://"
#define HTTP      "http://"
#define LABEL_MAX 63
#define HOST_MAX  253
#define PORT_MAX  65535

#define LABEL_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789-"

/* The host and what follows it: "" or ":port". */
struct parts {
    bool secure;
    char host[HOST_MAX + 1];
    const char *port;
};

static bool split(const char *origin, struct parts *ret_parts)
{
    bool secure = strncmp(origin, HTTPS, strlen(HTTPS)) == 0;
    const char *host = origin + strlen(secure ? HTTPS : HTTP);
    size_t len;

    if (!secure && strncmp(origin, HTTP, strlen(HTTP)) != 0)
        return false;
    len = strcspn(host, ":");
    if (len == 0 || len > HOST_MAX || strlen(origin) > WEB_ORIGIN_MAX)
        return false;
    ret_parts->secure = secure;
    memcpy(ret_parts->host, host, len);
    ret_parts->host[len] = '\0';
    ret_parts->port = host + len;
    return true;
}

/* "", or ":" and a port as browsers write one: never the default one of the scheme. */
static bool port_is_valid(const struct parts *parts)
{
    const char *digits = parts->port + 1;
    long number;

    if (parts->port[0] == '\0')
        return true;
    if (strspn(digits, "0123456789") != strlen(digits) || digits[0] == '0')
        return false;
    number = strtol(digits, NULL, 10);
    return number >= 1 && number <= PORT_MAX && number != (parts->secure ? 443 : 80);
}

/* An address in numbers has one form; "127.1" or "0x7f.1" are others that browsers rewrite. */
static bool is_address(const char *host)
{
    for (int part = 0; part < 4; part++) {
        size_t digits = strspn(host, "0123456789");

        if (digits < 1 || digits > 3 || (digits > 1 && host[0] == '0') || atoi(host) > 255)
            return false;
        host += digits;
        if (*host++ != (part < 3 ? '.' : '\0'))
            return false;
    }
    return true;
}

static bool label_is_valid(const char *label, size_t len)
{
    return len > 0 && len <= LABEL_MAX && strspn(label, LABEL_CHARACTERS) >= len &&
           label[0] != '-' && label[len - 1] != '-';
}

/* A last label that is a number makes the whole host one, for browsers. */
static bool host_is_valid(const char *host)
{
    const char *last = strrchr(host, '.');

    last = last != NULL ? last + 1 : host;
    if (last[0] >= '0' && last[0] <= '9')
        return is_address(host);
    for (const char *at = host;; at++) {
        size_t len = strcspn(at, ".");

        if (!label_is_valid(at, len))
            return false;
        at += len;
        if (*at == '\0')
            return true;
    }
}

static bool is_localhost(const char *host)
{
    return strcmp(host, "localhost") == 0 || strcmp(host, "127.0.0.1") == 0;
}

static cps_error refuse(struct fail *fail, const char *why)
{
    return fail_reason(fail, CPS_INVALID_PARAMS, "origin", "%s", why);
}

cps_error web_origin_check(const char *origin, bool http_localhost, struct fail *fail)
{
    struct parts parts;

    if (strcmp(origin, "null") == 0)
        return refuse(fail, "the origin null is nobody's");
    if (!split(origin, &parts))
        return refuse(fail, "not of the form https://host or https://host:port");
    if (!host_is_valid(parts.host))
        return refuse(fail, "the host is not written as browsers write it");
    if (!port_is_valid(&parts))
        return refuse(fail, "the port is wrong, or the default one");
    if (!parts.secure && !is_localhost(parts.host))
        return refuse(fail, "only https");
    if (!parts.secure && !http_localhost)
        return refuse(fail, "only https: [policy] http_localhost is not set");
    return CPS_OK;
}

/* What follows the stars that lead the host of a pattern. */
static const char *after_stars(const char *host, unsigned *ret_stars)
{
    *ret_stars = 0;
    while (strncmp(host, "*.", 2) == 0) {
        host += 2;
        ++*ret_stars;
    }
    return host;
}

bool web_origin_pattern_is_valid(const char *pattern)
{
    struct parts parts;
    const char *literal;
    unsigned stars;

    if (!split(pattern, &parts) || !port_is_valid(&parts))
        return false;
    literal = after_stars(parts.host, &stars);
    if (!host_is_valid(literal) || (!parts.secure && !is_localhost(parts.host)))
        return false;
    return stars == 0 || (strchr(literal, '.') != NULL && !is_address(literal));
}

bool web_origin_fits(const char *pattern, const char *origin)
{
    struct parts wanted, given;
    const char *host, *literal;
    unsigned stars;

    if (!split(pattern, &wanted) || !split(origin, &given) || wanted.secure != given.secure ||
        strcmp(wanted.port, given.port) != 0)
        return false;
    literal = after_stars(wanted.host, &stars);
    host = given.host;
    for (; stars > 0 && host != NULL; stars--) {
        host = strchr(host, '.');
        host = host != NULL ? host + 1 : NULL;
    }
    return host != NULL && strcmp(literal, host) == 0;
}
