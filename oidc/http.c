/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/client_key.h"
#include "oidc/http_loop.h"
#include "oidc/provider.h"
#include "oidc/tls_sessions.h"

#define MEDIA_TYPE_MAX  64
#define RETRY_AFTER_MAX 3600

/* Longest cookie that is looked at. */
#define COOKIE_SIZE 1025

struct http {
    struct http_loop *loop;
    struct tls_sessions *sessions;
};

struct http_call {
    struct http *http;
    struct http_call **slot;
    struct provider *provider;
    CURL *easy;
    bool resumes; /* has joined the TLS sessions */
    struct curl_slist *headers;
    struct buffer body;
    http_done_fn *done;
    void *user;
    const char *cookie_name; /* static text, or NULL */
    bool *ret_sent;          /* the asker's, or NULL */
    char error[CURL_ERROR_SIZE];
};

static void call_free(struct http_call *call)
{
    if (call->easy != NULL)
        http_loop_remove(call->http->loop, call->easy);
    if (call->resumes)
        tls_sessions_leave(call->http->sessions, call->easy);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    buffer_done(&call->body);
    free(call);
}

static void cleanup_call(struct http_call **call)
{
    if (*call != NULL)
        call_free(*call);
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct http_call *call = user;

    return buffer_add(&call->body, data, size * n) ? size * n : 0;
}

const char *http_reason(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "dns";
    case CURLE_COULDNT_CONNECT:
        return "connect";
    case CURLE_OPERATION_TIMEDOUT:
        return "timeout";
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return "tls";
    case CURLE_WRITE_ERROR:
    case CURLE_FILESIZE_EXCEEDED:
        return "too_large";
    case CURLE_PARTIAL_FILE:
        return "truncated";
    default:
        return "network";
    }
}

static void explain(const struct http_call *call, CURLcode code, struct fail *fail)
{
    bool answered =
        code == CURLE_WRITE_ERROR || code == CURLE_FILESIZE_EXCEEDED || code == CURLE_PARTIAL_FILE;

    fail_reason(fail, answered ? CPS_PROVIDER_ANSWER : CPS_PROVIDER_UNAVAILABLE, http_reason(code),
                "%s", call->error[0] != '\0' ? call->error : curl_easy_strerror(code));
}

/* "Application/JSON; charset=utf-8" gives "application/json". */
static void media_type(CURL *easy, char type[static MEDIA_TYPE_MAX])
{
    const char *header = NULL;
    size_t n = 0;

    curl_easy_getinfo(easy, CURLINFO_CONTENT_TYPE, &header);
    for (; header != NULL && n < MEDIA_TYPE_MAX - 1 && header[n] != '\0'; n++) {
        if (header[n] == ';' || header[n] == ' ')
            break;
        type[n] = (char)tolower((unsigned char)header[n]);
    }
    type[n] = '\0';
}

static int64_t retry_after(CURL *easy)
{
    curl_off_t seconds = 0;

    curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    if (seconds < 0)
        return 0;
    return seconds > RETRY_AFTER_MAX ? RETRY_AFTER_MAX : seconds;
}

static int64_t date_of(CURL *easy)
{
    struct curl_header *header = NULL;
    time_t date;

    if (curl_easy_header(easy, "Date", 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
        return 0;
    date = curl_getdate(header->value, NULL);
    return date > 0 ? (int64_t)date : 0;
}

/* The value of a cookie that the answer sets; false when it is too long. */
static bool cookie_of(const struct http_call *call, char value[static COOKIE_SIZE])
{
    size_t name_len = call->cookie_name != NULL ? strlen(call->cookie_name) : 0;
    struct curl_header *header = NULL;

    value[0] = '\0';
    for (size_t i = 0; name_len > 0 && curl_easy_header(call->easy, "Set-Cookie", i, CURLH_HEADER,
                                                        -1, &header) == CURLHE_OK;
         i++) {
        size_t len = strcspn(header->value, ";");

        if (len <= name_len || header->value[name_len] != '=' ||
            strncmp(header->value, call->cookie_name, name_len) != 0)
            continue;
        if (len - name_len > COOKIE_SIZE)
            return false;
        snprintf(value, COOKIE_SIZE, "%.*s", (int)(len - name_len - 1),
                 header->value + name_len + 1);
    }
    return true;
}

static void deliver(struct http_call *call)
{
    char type[MEDIA_TYPE_MAX];
    char cookie[COOKIE_SIZE];
    struct http_answer answer = {.type = type,
                                 .body = buffer_text(&call->body),
                                 .len = call->body.len,
                                 .retry_after_s = retry_after(call->easy),
                                 .date_at = date_of(call->easy)};
    struct fail fail = FAIL_INIT;

    answer.cookie = cookie_of(call, cookie) ? cookie : "?"; /* no cookie of ours is one "?" */
    media_type(call->easy, type);
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &answer.status);
    if (answer.status >= 500)
        fail_set(&fail, CPS_PROVIDER_UNAVAILABLE, "HTTP status %ld", answer.status);
    provider_report(call->provider, answer.status >= 500 ? &fail : NULL);
    call->done(call->user, &answer, NULL);
    explicit_bzero(cookie, sizeof cookie);
}

/* From the loop: the transfer is over. The slot is cleared first, so the owner may go away. */
static void on_finished(CURL *easy, CURLcode code)
{
    CLEANUP(cleanup_call) struct http_call *call = NULL;
    struct fail fail = FAIL_INIT;
    long sent = 0;

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
    *call->slot = NULL;
    if (call->ret_sent != NULL)
        *call->ret_sent =
            curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
    if (code == CURLE_OK) {
        deliver(call);
        return;
    }
    tls_sessions_forget(call->http->sessions);
    if (code == CURLE_SSL_CONNECT_ERROR || code == CURLE_SSL_CERTPROBLEM)
        client_key_forget(call->provider->profile->client_key);
    explain(call, code, &fail);
    provider_report(call->provider, &fail);
    call->done(call->user, NULL, &fail);
}

/* Steals nothing; a header that cannot be added makes the request fail as a whole. */
static bool add_header(struct http_call *call, const char *name, const char *value)
{
    AUTO_BUFFER struct buffer line = BUFFER_INIT(HTTP_BODY_MAX);
    struct curl_slist *longer;

    buffer_add_text(&line, name);
    buffer_add_text(&line, ": ");
    if (!buffer_add_text(&line, value))
        return false;
    longer = curl_slist_append(call->headers, buffer_text(&line));
    if (longer == NULL)
        return false;
    call->headers = longer;
    return true;
}

static bool set_headers(struct http_call *call, const struct http_request *request)
{
    return add_header(call, "Accept", request->accept) &&
           (request->authorization == NULL ||
            add_header(call, "Authorization", request->authorization)) &&
           (request->form == NULL ||
            add_header(call, "Content-Type", "application/x-www-form-urlencoded")) &&
           (request->body == NULL || add_header(call, "Content-Type", request->content_type)) &&
           (request->cookie == NULL || add_header(call, "Cookie", request->cookie)) &&
           curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

static long time_left(const struct http_request *request)
{
    int64_t total = request->total_ms != 0 ? request->total_ms : HTTP_TOTAL_MS;
    int left = clock_left_ms(request->deadline_ms);

    return left < total ? left : (long)total;
}

/* How we speak: everything that decides security is set here and nowhere else. */
static bool set_transport(CURL *easy, const struct profile *profile)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
           (profile->ca_file == NULL ||
            (curl_easy_setopt(easy, CURLOPT_CAINFO, profile->ca_file) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK)) &&
           curl_easy_setopt(easy, CURLOPT_PROXY, profile->proxy) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           /* Do not wait for a name lookup that hangs: its thread is left to itself. */
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS) == CURLE_OK;
}

static CURLcode give_key(CURL *easy, void *tls, void *user)
{
    struct http_call *call = user;

    (void)easy;
    return client_key_use(call->provider->profile->client_key, tls) ? CURLE_OK
                                                                    : CURLE_SSL_CERTPROBLEM;
}

/*
 * libcurl does not know that such a connection is somebody's: neither it nor its TLS session may
 * serve a request of another profile.
 */
static bool set_certificate(struct http_call *call, const struct http_request *request)
{
    CURL *easy = call->easy;

    if (!request->certified || request->provider->profile->client_auth != CLIENT_AUTH_TLS) {
        call->resumes = tls_sessions_join(call->http->sessions, easy);
        return true;
    }
    return curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, give_key) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) == CURLE_OK;
}

/* The size first: a body may hold anything. */
static bool set_method(CURL *easy, const struct http_request *request)
{
    if (request->method == NULL)
        return true;
    return (request->body == NULL ||
            (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)request->body_len) == CURLE_OK &&
             curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->body) == CURLE_OK)) &&
           curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method) == CURLE_OK;
}

static bool set_request(struct http_call *call, const struct http_request *request)
{
    CURL *easy = call->easy;

    return curl_easy_setopt(easy, CURLOPT_PRIVATE, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, time_left(request)) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)HTTP_BODY_MAX) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, call) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "cps-agent") == CURLE_OK &&
           (!request->once || curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK) &&
           (request->form == NULL ||
            curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->form) == CURLE_OK) &&
           set_method(easy, request) && set_headers(call, request);
}

cps_error http_start(struct http *http, const struct http_request *request, struct http_call **slot,
                     http_done_fn *done, void *user, struct fail *fail)
{
    CLEANUP(cleanup_call) struct http_call *call = calloc(1, sizeof *call);

    if (time_left(request) == 0) /* libcurl takes 0 for "no limit" */
        return fail_reason(fail, CPS_PROVIDER_UNAVAILABLE, "timeout", "no time left to ask");
    if (call == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    *call = (struct http_call){.http = http,
                               .slot = slot,
                               .provider = request->provider,
                               .body = BUFFER_INIT(HTTP_BODY_MAX),
                               .cookie_name = request->cookie_name,
                               .ret_sent = request->ret_sent,
                               .done = done,
                               .user = user};
    call->easy = curl_easy_init();
    if (call->easy == NULL || !set_transport(call->easy, request->provider->profile) ||
        !set_request(call, request) || !set_certificate(call, request) ||
        !http_loop_add(http->loop, call->easy))
        return fail_set(fail, CPS_INTERNAL, "cannot start a request");
    *slot = TAKE_PTR(call);
    return CPS_OK;
}

void http_cancel(struct http_call **slot)
{
    struct http_call *call = *slot;

    *slot = NULL;
    if (call != NULL)
        call_free(call);
}

struct http *http_new(sd_event *event)
{
    struct http *http = calloc(1, sizeof *http);

    if (http == NULL)
        return NULL;
    http->loop = http_loop_new(event, on_finished);
    http->sessions = tls_sessions_new();
    if (http->loop != NULL && http->sessions != NULL)
        return http;
    http_free(http);
    return NULL;
}

void http_free(struct http *http)
{
    if (http == NULL)
        return;
    http_loop_free(http->loop);
    tls_sessions_free(http->sessions);
    free(http);
}

static void free_wiped(void *block)
{
    if (block != NULL)
        explicit_bzero(block, malloc_usable_size(block));
    free(block);
}

static void *realloc_wiped(void *block, size_t size)
{
    size_t old = block != NULL ? malloc_usable_size(block) : 0;
    void *moved = malloc(size);

    if (moved != NULL && block != NULL) {
        memcpy(moved, block, old < size ? old : size);
        free_wiped(block);
    }
    return moved;
}

static char *copy_text(const char *text)
{
    return strdup(text);
}

bool http_global_init(void)
{
    unsetenv("SSLKEYLOGFILE"); /* libcurl would write the TLS keys there */
    json_wipe_freed();
    return curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, free_wiped, realloc_wiped, copy_text,
                                calloc) == CURLE_OK;
}
