/* SPDX-License-Identifier: Apache-2.0 */
/* Which URLs a profile lets us use: https, a listed host, nothing odd in them. */
#ifndef OIDC_URL_H
#define OIDC_URL_H

#include <stdbool.h>

#define URL_MAX 1024

/* "host" (port 443 understood) or "host:port", as written in an allow-list. */
bool url_host_valid(const char *host);

/*
 * True when url is https, at most URL_MAX long, without user, fragment, blank or control character,
 * and its host and port are those of issuer or of an entry of the NULL-terminated list.
 */
bool url_allowed(const char *url, const char *issuer, char *const *hosts);

/* https with a host and no query, fragment or user: what OpenID Connect asks of an issuer. */
bool url_issuer_valid(const char *url);

/* http or https, at most URL_MAX long, without user, fragment, blank or control character. */
bool url_fetch_valid(const char *url);

/* http or https with host and port only: what a proxy may be. */
bool url_proxy_valid(const char *url);

#endif
