/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS to the providers: libcurl's multi interface on the sd-event loop. TLS 1.2 or better,
 * verified against the profile's anchors; the next connection may resume (oidc/tls_sessions.h). No
 * redirect is followed, no environment variable read; time and size are bounded; bodies are wiped.
 */
#ifndef OIDC_HTTP_H
#define OIDC_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "base/fail.h"

#define HTTP_BODY_MAX    (256 * 1024)
#define HTTP_CONNECT_MS  5000
#define HTTP_TOTAL_MS    15000
#define HTTP_ACCEPT_JSON "application/json"

struct http;
struct http_call;
struct provider;

struct http_request {
    struct provider *provider; /* trust anchors and proxy; told whether it answers */
    const char *url;
    const char *form;   /* a body makes it a POST, NULL a GET */
    const char *method; /* NULL: as form says; else this, with body, of any content */
    const char *body;   /* or NULL */
    size_t body_len;
    const char *content_type;  /* of body */
    const char *cookie;        /* "name=value" for the Cookie header, or NULL */
    const char *cookie_name;   /* the cookie of the answer that is wanted, or NULL */
    const char *authorization; /* value of the header, or NULL */
    const char *accept;
    int64_t deadline_ms; /* boot time; total_ms at most */
    int64_t total_ms;    /* 0: HTTP_TOTAL_MS */
    bool certified;      /* shows the client's certificate, when the profile has one for TLS */
    bool *ret_sent;      /* set before done: whether any of it has left; or NULL */
    bool once; /* uses up a code or token: on a fresh connection, so that it is never sent twice */
};

/* Lives during the callback only. */
struct http_answer {
    long status;
    const char *type; /* media type in lower case without parameters, or "" */
    const char *body; /* NUL-terminated */
    size_t len;
    int64_t retry_after_s; /* 0 when absent */
    const char *cookie;    /* value of the cookie asked for, or "" */
    int64_t date_at;       /* of the server's clock, 0 when it does not say */
};

/*
 * answer: any HTTP answer, whatever its status. NULL: there was none, and fail says why:
 * CPS_PROVIDER_UNAVAILABLE or, when the answer was cut or too large, CPS_PROVIDER_ANSWER.
 */
typedef void http_done_fn(void *user, const struct http_answer *answer, const struct fail *fail);

/* Process-wide: wiping allocators. Call it before anything else of libcurl. */
bool http_global_init(void);

struct http *http_new(sd_event *event);
void http_free(struct http *http);

/*
 * Starts a request and sets *slot; when it ends *slot is NULL again and done is called, once,
 * from the event loop. On failure nothing was started: CPS_INTERNAL, or CPS_PROVIDER_UNAVAILABLE
 * when the deadline has passed.
 */
cps_error http_start(struct http *http, const struct http_request *request, struct http_call **slot,
                     http_done_fn *done, void *user, struct fail *fail);

/* Drops a request, if there is one: done is not called. */
void http_cancel(struct http_call **slot);

/* What libcurl met, in one machine-readable word. */
const char *http_reason(CURLcode code);

#endif
