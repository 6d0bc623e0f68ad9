/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/loopback_page.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_HEAD                                                                                \
    "Content-Type: text/html; charset=utf-8\r\n"                                                   \
    "Cache-Control: no-store\r\n"                                                                  \
    "Referrer-Policy: no-referrer\r\n"                                                             \
    "X-Content-Type-Options: nosniff\r\n"                                                          \
    "X-Frame-Options: DENY\r\n"                                                                    \
    "Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; "                     \
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"                              \
    "Connection: close\r\n"

#define PAGE(french, english)                                                                      \
    "<!doctype html><html lang=\"fr\"><meta charset=\"utf-8\"><title>cps-agent</title>"            \
    "<style>body{font:1.2em sans-serif;margin:15vh auto;max-width:34em;padding:0 1em}</style>"     \
    "<p>" french "</p><p lang=\"en\">" english "</p></html>\n"

static const char page_end[] =
    PAGE("Réponse reçue. Vous pouvez fermer cet onglet et revenir à votre logiciel.",
         "Answer received. You can close this tab and go back to your program.");

static const char page_stray[] = PAGE("Cette page n'est pas attendue. Revenez à votre logiciel.",
                                      "This page is not expected. Go back to your program.");

static bool compose(struct buffer *answer, const char *status, const char *extra, const char *body)
{
    char length[48];

    snprintf(length, sizeof length, "Content-Length: %zu\r\n\r\n", strlen(body));
    buffer_add_text(answer, "HTTP/1.1 ");
    buffer_add_text(answer, status);
    buffer_add_text(answer, "\r\n" ANSWER_HEAD);
    buffer_add_text(answer, extra);
    buffer_add_text(answer, length);
    return buffer_add_text(answer, body);
}

bool loopback_answer_accepted(struct buffer *answer, const char *page)
{
    char location[192];
    int n = snprintf(location, sizeof location, "Location: %s\r\n", page);

    return n > 0 && (size_t)n < sizeof location && compose(answer, "303 See Other", location, "");
}

bool loopback_answer_stray(struct buffer *answer)
{
    return compose(answer, "400 Bad Request", "", page_stray);
}

bool loopback_answer(struct buffer *answer, enum loopback_verdict verdict)
{
    switch (verdict) {
    case LOOPBACK_PAGE:
        return compose(answer, "200 OK", "", page_end);
    case LOOPBACK_NOT_FOUND:
        return compose(answer, "404 Not Found", "", page_stray);
    case LOOPBACK_METHOD:
        return compose(answer, "405 Method Not Allowed", "Allow: GET\r\n", page_stray);
    case LOOPBACK_TOO_LARGE:
        return compose(answer, "431 Request Header Fields Too Large", "", page_stray);
    case LOOPBACK_MORE:
    case LOOPBACK_CALLBACK:
    case LOOPBACK_BAD:
        break;
    }
    return loopback_answer_stray(answer);
}
