/* SPDX-License-Identifier: Apache-2.0 */
/* The loopback listener's request parser and answers, and the reading of the query. */
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "oidc/authresponse.h"
#include "oidc/form.h"
#include "oidc/loopback_bind.h"
#include "oidc/loopback_page.h"
#include "oidc/loopback_request.h"

static const struct loopback_expect expect = {"127.0.0.1:8123", "/psc/callback",
                                              "/psc/callback/fin"};

#define HOST "Host: 127.0.0.1:8123\r\n"

static void check(const char *request, enum loopback_verdict verdict, const char *query)
{
    AUTO_WIPED char *found = NULL;
    enum loopback_verdict got = loopback_parse(request, strlen(request), &expect, &found);

    if (got != verdict)
        fail_msg("verdict %d instead of %d for %s", got, verdict, request);
    if (query != NULL)
        assert_string_equal(found, query);
    else
        assert_null(found);
}

static void test_requests(void **state)
{
    (void)state;
    check("GET /psc/callback?code=1&state=2 HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_CALLBACK,
          "code=1&state=2");
    check("GET /psc/callback HTTP/1.0\r\nhost:127.0.0.1:8123 \r\n\r\n", LOOPBACK_CALLBACK, "");
    check("GET /psc/callback?a?b=/ HTTP/1.1\r\nCookie: a=b\r\n" HOST "\r\n", LOOPBACK_CALLBACK,
          "a?b=/");
    check("GET /psc/callback/fin HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_PAGE, NULL);
    check("GET /psc/callback/fin?x=1 HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_NOT_FOUND, NULL);
    check("GET /psc/callback/ HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_NOT_FOUND, NULL);
    check("GET /psc/Callback HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_NOT_FOUND, NULL);
    check("GET /psc/../psc/callback HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_NOT_FOUND, NULL);
    check("GET /favicon.ico HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_NOT_FOUND, NULL);
    check("POST /psc/callback HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", LOOPBACK_METHOD,
          NULL);
    check("HEAD /psc/callback HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_METHOD, NULL);
    check("get /psc/callback HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_METHOD, NULL);
}

static void test_bad_requests(void **state)
{
    (void)state;
    check("GET /psc/callback HTTP/1.1\r\n\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback HTTP/1.1\r\nHost: localhost:8123\r\n\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback HTTP/1.1\r\nHost: evil.example.test\r\n\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback HTTP/1.1\r\n" HOST HOST "\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello", LOOPBACK_BAD,
          NULL);
    check("GET /psc/callback HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", LOOPBACK_BAD,
          NULL);
    check("GET /psc/callback HTTP/1.1\r\n" HOST " folded: yes\r\n\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback HTTP/1.1\r\n" HOST "no colon\r\n\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback HTTP/2\r\n" HOST "\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback\r\n" HOST "\r\n", LOOPBACK_BAD, NULL);
    check("GET  HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_BAD, NULL);
    check("GET http://127.0.0.1:8123/psc/callback HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_BAD, NULL);
    check("GET /psc/callback?\x01 HTTP/1.1\r\n" HOST "\r\n", LOOPBACK_BAD, NULL);
    check("\x16\x03\x01\x02\r\n\r\n", LOOPBACK_BAD, NULL);
    check("\r\n\r\n", LOOPBACK_BAD, NULL);
}

static void test_every_cut_is_incomplete(void **state)
{
    static const char request[] = "GET /psc/callback?code=1 HTTP/1.1\r\n" HOST "\r\n";

    (void)state;
    for (size_t len = 0; len < sizeof request - 1; len++) {
        char *query = NULL;

        assert_int_equal(loopback_parse(request, len, &expect, &query), LOOPBACK_MORE);
        assert_null(query);
    }
}

static void test_sizes(void **state)
{
    AUTO_BUFFER struct buffer request = BUFFER_INIT(4 * LOOPBACK_HEAD_MAX);
    char *query = NULL;

    (void)state;
    buffer_add_text(&request, "GET /psc/callback HTTP/1.1\r\n" HOST);
    for (int i = 0; i < LOOPBACK_HEADERS_MAX - 1; i++)
        buffer_add_text(&request, "X: y\r\n");
    buffer_add_text(&request, "\r\n");
    assert_int_equal(loopback_parse(request.data, request.len, &expect, &query), LOOPBACK_CALLBACK);
    wipe_free(query);
    query = NULL;
    request.len -= 2;
    buffer_add_text(&request, "X: y\r\n\r\n");
    assert_int_equal(loopback_parse(request.data, request.len, &expect, &query), LOOPBACK_BAD);
    request.len -= 2;
    while (request.len < LOOPBACK_HEAD_MAX)
        buffer_add_text(&request, "Cookie: long\r\n");
    assert_int_equal(loopback_parse(request.data, request.len, &expect, &query),
                     LOOPBACK_TOO_LARGE);
    buffer_add_text(&request, "\r\n");
    assert_int_equal(loopback_parse(request.data, request.len, &expect, &query),
                     LOOPBACK_TOO_LARGE);
}

static void check_answer(const struct buffer *answer, const char *status)
{
    const char *text = buffer_text(answer);

    assert_non_null(text);
    assert_ptr_equal(strstr(text, status), text);
    assert_non_null(strstr(text, "\r\nCache-Control: no-store\r\n"));
    assert_non_null(strstr(text, "\r\nReferrer-Policy: no-referrer\r\n"));
    assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
    assert_non_null(strstr(text, "\r\nX-Content-Type-Options: nosniff\r\n"));
    assert_non_null(strstr(text, "\r\nX-Frame-Options: DENY\r\n"));
    assert_non_null(strstr(text, "\r\nContent-Security-Policy: default-src 'none'; "));
    assert_non_null(
        strstr(text, "frame-ancestors 'none'; base-uri 'none'; form-action 'none'\r\n"));
    assert_null(strstr(text, "<script"));
    assert_null(strstr(text, "http://"));
    assert_null(strstr(text, "https://"));
    assert_null(strstr(text, "src="));
}

static void test_answers(void **state)
{
    static const struct {
        enum loopback_verdict verdict;
        const char *status;
    } answers[] = {
        {LOOPBACK_PAGE, "HTTP/1.1 200 "},     {LOOPBACK_BAD, "HTTP/1.1 400 "},
        {LOOPBACK_METHOD, "HTTP/1.1 405 "},   {LOOPBACK_NOT_FOUND, "HTTP/1.1 404 "},
        {LOOPBACK_CALLBACK, "HTTP/1.1 400 "}, {LOOPBACK_TOO_LARGE, "HTTP/1.1 431 "},
    };
    AUTO_BUFFER struct buffer accepted = BUFFER_INIT(4096);

    (void)state;
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        AUTO_BUFFER struct buffer answer = BUFFER_INIT(4096);

        assert_true(loopback_answer(&answer, answers[i].verdict));
        check_answer(&answer, answers[i].status);
    }
    assert_true(loopback_answer_accepted(&accepted, "/psc/callback/fin"));
    check_answer(&accepted, "HTTP/1.1 303 ");
    assert_non_null(strstr(buffer_text(&accepted), "\r\nLocation: /psc/callback/fin\r\n"));
}

static void test_state(void **state)
{
    (void)state;
    assert_true(authresponse_is_ours("code=1&state=abcdef", "abcdef"));
    assert_true(authresponse_is_ours("state=%61bcdef", "abcdef"));
    assert_false(authresponse_is_ours("code=1&state=abcdeg", "abcdef"));
    assert_false(authresponse_is_ours("code=1&state=abcde", "abcdef"));
    assert_false(authresponse_is_ours("code=1&state=abcdefg", "abcdef"));
    assert_false(authresponse_is_ours("code=1&state=", "abcdef"));
    assert_false(authresponse_is_ours("code=1", "abcdef"));
    assert_false(authresponse_is_ours("state=abcdef&state=abcdef", "abcdef"));
}

static void check_response(const char *query, bool require_iss, cps_error error, const char *reason,
                           const char *code)
{
    struct authresponse_expect want = {
        .state = "s", .issuer = "https://idp.example.test/realm", .require_iss = require_iss};
    AUTO_WIPED char *found = NULL;
    struct fail fail = FAIL_INIT;

    assert_int_equal(authresponse_read(query, &want, &found, &fail), error);
    assert_string_equal(fail.reason, reason);
    if (code != NULL)
        assert_string_equal(found, code);
    else
        assert_null(found);
}

#define ISS "iss=https%3A%2F%2Fidp.example.test%2Frealm"

static void test_responses(void **state)
{
    (void)state;
    check_response("state=s&code=abc", false, CPS_OK, "", "abc");
    check_response("state=s&code=abc&" ISS, true, CPS_OK, "", "abc");
    check_response("state=s&code=abc", true, CPS_AUTHORIZATION_RESPONSE, "iss", NULL);
    check_response("state=s&code=abc&" ISS "&" ISS, true, CPS_AUTHORIZATION_RESPONSE, "iss", NULL);
    check_response("state=s&code=abc&iss=https://evil.example.test", false,
                   CPS_AUTHORIZATION_RESPONSE, "iss", NULL);
    check_response("state=s", false, CPS_AUTHORIZATION_RESPONSE, "code", NULL);
    check_response("state=s&code=", false, CPS_AUTHORIZATION_RESPONSE, "code", NULL);
    check_response("state=s&code=a&code=b", false, CPS_AUTHORIZATION_RESPONSE, "code", NULL);
    check_response("state=s&error=access_denied", false, CPS_LOGIN_REFUSED, "access_denied", NULL);
    check_response("state=s&error=access_denied&code=abc", false, CPS_LOGIN_REFUSED,
                   "access_denied", NULL);
    check_response("state=s&error=temporarily_unavailable", false, CPS_PROVIDER_UNAVAILABLE,
                   "temporarily_unavailable", NULL);
    check_response("state=s&error=invalid_request", false, CPS_PROVIDER_CLIENT, "invalid_request",
                   NULL);
    check_response("state=s&error=login_required", false, CPS_AUTHORIZATION_RESPONSE,
                   "login_required", NULL);
    check_response("state=s&error=a&error=b&code=abc", false, CPS_AUTHORIZATION_RESPONSE, "error",
                   NULL);
    check_response("state=s&error=%&code=abc", false, CPS_AUTHORIZATION_RESPONSE, "error", NULL);
    check_response("state=s&error=%3Cscript%3E", false, CPS_AUTHORIZATION_RESPONSE, "error", NULL);
}

static void test_a_long_code(void **state)
{
    AUTO_BUFFER struct buffer query = BUFFER_INIT(FORM_MAX);

    (void)state;
    buffer_add_text(&query, "state=s&code=");
    for (int i = 0; i < AUTHRESPONSE_CODE_MAX; i++)
        buffer_add_text(&query, "c");
    check_response(buffer_text(&query), false, CPS_OK, "", strrchr(buffer_text(&query), '=') + 1);
    buffer_add_text(&query, "c");
    check_response(buffer_text(&query), false, CPS_AUTHORIZATION_RESPONSE, "code", NULL);
}

static bool is_on(int fd, int family, const void *address, uint16_t port)
{
    union {
        struct sockaddr_in6 six;
        struct sockaddr_in four;
        struct sockaddr any;
    } at = {0};
    socklen_t len = sizeof at;

    assert_int_equal(getsockname(fd, &at.any, &len), 0);
    if (at.any.sa_family == AF_INET && family == AF_INET)
        return memcmp(&at.four.sin_addr, address, 4) == 0 && at.four.sin_port == htons(port);
    return at.any.sa_family == family && memcmp(&at.six.sin6_addr, address, 16) == 0 &&
           at.six.sin6_port == htons(port);
}

static void close_all(const struct loopback_sockets *sockets)
{
    for (unsigned i = 0; i < LOOPBACK_SOCKETS; i++)
        if (sockets->fds[i] >= 0)
            close(sockets->fds[i]);
}

/* Whether there is a ::1 to listen on. */
static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

/* "localhost" may be either address: both are ours, with one port, or the port is not taken. */
static void test_ports_of_localhost(void **state)
{
    const struct in_addr four = {htonl(INADDR_LOOPBACK)};
    struct profile profile = {.redirect_host = "localhost"};
    struct loopback_sockets first = {.fds = {-1, -1}};
    struct loopback_sockets second = {.fds = {-1, -1}};
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(loopback_bind(&profile, &first, &fail), CPS_OK);
    assert_true(is_on(first.fds[0], AF_INET, &four, first.port));
    if (!has_ipv6())
        skip();
    assert_true(is_on(first.fds[1], AF_INET6, &in6addr_loopback, first.port));
    close(first.fds[0]); /* then another program has the port on ::1 */
    first.fds[0] = -1;
    profile.n_redirect_ports = 1;
    profile.redirect_ports[0] = first.port;
    assert_int_equal(loopback_bind(&profile, &second, &fail), CPS_CONFIGURATION);
    assert_string_equal(fail.reason, "redirect_port");
    profile.redirect_host = "127.0.0.1"; /* nobody is sent to ::1 */
    assert_int_equal(loopback_bind(&profile, &second, &fail), CPS_OK);
    assert_int_equal(second.fds[1], -1);
    close_all(&first);
    close_all(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_every_cut_is_incomplete),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_responses),
        cmocka_unit_test(test_a_long_code),
        cmocka_unit_test(test_ports_of_localhost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
