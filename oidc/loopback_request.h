/* SPDX-License-Identifier: Apache-2.0 */
/* What a browser (or anything else on this machine) says to the loopback listener. */
#ifndef OIDC_LOOPBACK_REQUEST_H
#define OIDC_LOOPBACK_REQUEST_H

#include <stddef.h>

/* Largest request head: browsers send along the cookies of every local program. */
#define LOOPBACK_HEAD_MAX    16384
#define LOOPBACK_HEADERS_MAX 64

enum loopback_verdict {
    LOOPBACK_MORE,      /* the head is not complete yet */
    LOOPBACK_CALLBACK,  /* GET of the redirect path */
    LOOPBACK_PAGE,      /* GET of the page to show at the end */
    LOOPBACK_BAD,       /* malformed, for another host, or with a body */
    LOOPBACK_NOT_FOUND, /* another path */
    LOOPBACK_METHOD,    /* another method */
    LOOPBACK_TOO_LARGE,
};

struct loopback_expect {
    const char *host; /* the Host header, port included */
    const char *path;
    const char *page;
};

/*
 * Judges the bytes received so far. For LOOPBACK_CALLBACK gives the query (without "?", for
 * wipe_free). HTTP/1.0 and 1.1, origin form, CRLF, one Host header, no body.
 */
enum loopback_verdict loopback_parse(const char *data, size_t len,
                                     const struct loopback_expect *expect, char **ret_query);

#endif
