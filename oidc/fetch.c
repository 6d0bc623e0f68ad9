/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"
#include "oidc/http.h"
#include "oidc/http_loop.h"
#include "oidc/url.h"

/* A transfer that crawls is given up: less than this a second for so many seconds. */
#define SLOW_BYTES 100
#define SLOW_S     20

/* Largest question that is sent along (an OCSP request). */
#define QUESTION_MAX 8192

struct kind {
    const char *name;
    size_t max;          /* bytes of the answer */
    const char *accept;  /* header lines */
    const char *content; /* NULL: nothing is sent along */
};

static const struct kind kinds[] = {
    {"crl", FETCH_MAX, "Accept: application/pkix-crl, */*;q=0.5", NULL},
    {"ocsp", 64 * 1024, "Accept: application/ocsp-response",
     "Content-Type: application/ocsp-request"},
    {"authorities", 1024 * 1024, "Accept: application/pkcs7-mime, */*;q=0.5", NULL},
};

struct fetch {
    struct request *request;
    const struct kind *kind;
    CURL *easy;
    bool added;
    struct curl_slist *headers;
    size_t len;
    bool full; /* more came than may */
    int write_error;
    char error[CURL_ERROR_SIZE];
};

static void fetch_free(void *flow)
{
    struct fetch *fetch = flow;

    if (fetch->added)
        http_loop_remove(fetch->request->oidcd->fetches, fetch->easy);
    curl_easy_cleanup(fetch->easy);
    curl_slist_free_all(fetch->headers);
    free(fetch);
}

/* A memfd never makes its writer wait. */
static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct fetch *fetch = user;
    size_t len = size * n;

    if (len > fetch->kind->max - fetch->len) {
        fetch->full = true;
        return 0;
    }
    for (size_t done = 0; done < len;) {
        ssize_t written = write(fetch->request->fd, data + done, len - done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0) {
            fetch->write_error = errno;
            return 0;
        }
        done += (size_t)written;
    }
    fetch->len += len;
    return len;
}

static void refuse(struct fetch *fetch, const char *reason, const char *why)
{
    struct fail fail = FAIL_INIT;

    fail_reason(&fail, CPS_DOWNLOAD_FAILED, reason, "%s", why);
    request_fail(fetch->request, &fail);
}

static void on_finished(CURL *easy, CURLcode code)
{
    struct fetch *fetch = NULL;
    long status = 0;
    char text[32];

    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &fetch);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    snprintf(text, sizeof text, "HTTP status %ld", status);
    if (code != CURLE_OK)
        refuse(fetch, code == CURLE_WRITE_ERROR && !fetch->full ? "storage" : http_reason(code),
               fetch->error[0] != '\0' ? fetch->error : curl_easy_strerror(code));
    else if (status >= 300 && status < 400)
        refuse(fetch, "redirect", text); /* what is asked for is there or is not */
    else if (status != 200)
        refuse(fetch, "status", text);
    else if (fetch->len == 0)
        refuse(fetch, "empty", "an answer without content");
    else
        request_reply(fetch->request, json_pack("{s:I}", "bytes", (json_int_t)fetch->len));
}

static bool set_transport(CURL *easy, const char *proxy)
{
    return curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, proxy) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOPROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, (long)SLOW_BYTES) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)SLOW_S) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_MS) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "cps-agent") == CURLE_OK;
}

static bool add_header(struct fetch *fetch, const char *line)
{
    struct curl_slist *longer = line != NULL ? curl_slist_append(fetch->headers, line) : NULL;

    if (longer != NULL)
        fetch->headers = longer;
    return line == NULL || longer != NULL;
}

/* False: the body is not the base64url text of a question, or there is none where one is due. */
static bool set_body(struct fetch *fetch, const char *body)
{
    uint8_t question[QUESTION_MAX];
    ptrdiff_t len;

    if (fetch->kind->content == NULL || body == NULL)
        return fetch->kind->content == NULL && body == NULL;
    len = b64_decode(body, strlen(body), question, sizeof question);
    return len > 0 && curl_easy_setopt(fetch->easy, CURLOPT_POSTFIELDSIZE, (long)len) == CURLE_OK &&
           curl_easy_setopt(fetch->easy, CURLOPT_COPYPOSTFIELDS, question) == CURLE_OK;
}

static bool set_request(struct fetch *fetch, const char *url)
{
    CURL *easy = fetch->easy;
    long left = clock_left_ms(fetch->request->deadline_ms);

    return add_header(fetch, fetch->kind->accept) && add_header(fetch, fetch->kind->content) &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, fetch) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fetch->error) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, left > 0 ? left : 1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXFILESIZE, (long)fetch->kind->max) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, fetch) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, fetch->headers) == CURLE_OK;
}

static const struct kind *find_kind(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

/* What is fetched goes to memory, whatever descriptor is handed over: never to a file. */
static bool takes_bytes(int fd)
{
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 0;
}

void fetch_start(struct request *request, const json_t *params)
{
    const char *url = json_get_string(params, "url");
    const char *proxy = json_get_string(params, "proxy");
    struct fetch *fetch = calloc(1, sizeof *fetch);
    struct http_loop *loop = request->oidcd->fetches;
    struct fail fail = FAIL_INIT;

    if (fetch == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    fetch->request = request;
    fetch->kind = find_kind(json_get_string(params, "kind"));
    request_set_flow(request, fetch, fetch_free, NULL);
    if (url == NULL || !url_fetch_valid(url)) {
        refuse(fetch, "url", "not a plain http or https address");
        return;
    }
    if (proxy != NULL && !url_proxy_valid(proxy)) {
        refuse(fetch, "proxy", "not the address of a proxy");
        return;
    }
    fetch->easy = curl_easy_init();
    if (fetch->kind == NULL || !takes_bytes(request->fd) || fetch->easy == NULL ||
        !set_transport(fetch->easy, proxy != NULL ? proxy : "") || !set_request(fetch, url) ||
        !set_body(fetch, json_get_string(params, "body")) || !http_loop_add(loop, fetch->easy)) {
        fail_set(&fail, CPS_INTERNAL, "cannot start a request");
        request_fail(request, &fail);
        return;
    }
    fetch->added = true;
}

struct http_loop *fetch_loop_new(sd_event *event)
{
    return http_loop_new(event, on_finished);
}
