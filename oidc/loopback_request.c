/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/loopback_request.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "oidc/form.h"

struct span {
    const char *at;
    size_t len;
};

static bool is(struct span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.at, text, span.len) == 0;
}

static bool is_nocase(struct span span, const char *text)
{
    return span.len == strlen(text) && strncasecmp(span.at, text, span.len) == 0;
}

/* Cuts up to the separator, which is dropped; false when there is none. */
static bool cut(struct span *rest, const char *separator, struct span *ret_piece)
{
    const char *end = memmem(rest->at, rest->len, separator, strlen(separator));
    size_t len = end != NULL ? (size_t)(end - rest->at) : 0;

    if (end == NULL)
        return false;
    *ret_piece = (struct span){rest->at, len};
    rest->at += len + strlen(separator);
    rest->len -= len + strlen(separator);
    return true;
}

static struct span trim(struct span span)
{
    while (span.len > 0 && (span.at[0] == ' ' || span.at[0] == '\t')) {
        span.at++;
        span.len--;
    }
    while (span.len > 0 && (span.at[span.len - 1] == ' ' || span.at[span.len - 1] == '\t'))
        span.len--;
    return span;
}

static bool visible(struct span span)
{
    for (size_t i = 0; i < span.len; i++)
        if (span.at[i] <= ' ' || span.at[i] > '~')
            return false;
    return span.len > 0;
}

/* One Host header, ours; no body announced; neither folded lines nor too many. */
static bool headers_fit(struct span headers, const char *host)
{
    unsigned n = 0;
    unsigned hosts = 0;
    struct span line;

    while (cut(&headers, "\r\n", &line)) {
        struct span name;

        if (++n > LOOPBACK_HEADERS_MAX || !cut(&line, ":", &name) || !visible(name))
            return false;
        if (is_nocase(name, "Host") && (++hosts > 1 || !is_nocase(trim(line), host)))
            return false;
        if (is_nocase(name, "Transfer-Encoding") ||
            (is_nocase(name, "Content-Length") && !is(trim(line), "0")))
            return false;
    }
    return hosts == 1;
}

static enum loopback_verdict judge_target(struct span target, const struct loopback_expect *expect,
                                          char **ret_query)
{
    struct span path = target;
    struct span query = {"", 0};
    AUTO_BUFFER struct buffer copy = BUFFER_INIT(FORM_MAX);

    if (cut(&target, "?", &path))
        query = target;
    if (is(path, expect->page) && query.len == 0)
        return LOOPBACK_PAGE;
    if (!is(path, expect->path))
        return LOOPBACK_NOT_FOUND;
    if (!buffer_add(&copy, query.at, query.len))
        return LOOPBACK_TOO_LARGE;
    *ret_query = buffer_take(&copy);
    return *ret_query != NULL ? LOOPBACK_CALLBACK : LOOPBACK_TOO_LARGE;
}

enum loopback_verdict loopback_parse(const char *data, size_t len,
                                     const struct loopback_expect *expect, char **ret_query)
{
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    struct span head = {data, end != NULL ? (size_t)(end - data) + 2 : 0};
    struct span line, method, target;

    if (end == NULL)
        return len < LOOPBACK_HEAD_MAX ? LOOPBACK_MORE : LOOPBACK_TOO_LARGE;
    if (head.len > LOOPBACK_HEAD_MAX)
        return LOOPBACK_TOO_LARGE;
    if (!cut(&head, "\r\n", &line) || !cut(&line, " ", &method) || !cut(&line, " ", &target) ||
        !(is(line, "HTTP/1.1") || is(line, "HTTP/1.0")) || !visible(target) || target.at[0] != '/')
        return LOOPBACK_BAD;
    if (!headers_fit(head, expect->host))
        return LOOPBACK_BAD;
    if (!is(method, "GET"))
        return LOOPBACK_METHOD;
    return judge_target(target, expect, ret_query);
}
