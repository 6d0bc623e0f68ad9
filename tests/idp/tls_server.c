/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/util.h"
#include "tests/idp/idp.h"

/* Longest wait for a client, which must not keep the next one waiting for ever. */
#define PATIENCE_S 5

/* Value of a header into out, or "". */
static void header(const char *head, const char *name, char *out, size_t size)
{
    const char *at = strcasestr(head, name);
    size_t len = at != NULL ? strcspn(at += strlen(name), "\r\n") : 0;

    snprintf(out, size, "%.*s", (int)(len < size ? len : 0), at != NULL ? at : "");
}

/* False: not a whole request. text ends in NUL. */
static bool parse(char *text, size_t len, struct idp_request *ret_request)
{
    char *body = strstr(text, "\r\n\r\n");
    char length[16];

    if (body == NULL)
        return false;
    *body = '\0';
    ret_request->body = body + 4;
    if (sscanf(text, "%7s %255s", ret_request->method, ret_request->path) != 2)
        return false;
    header(text, "\r\nContent-Length: ", length, sizeof length);
    header(text, "\r\nAuthorization: Bearer ", ret_request->bearer, sizeof ret_request->bearer);
    *body = '\r'; /* more may come */
    return (size_t)(text + len - ret_request->body) >= strtoul(length, NULL, 10);
}

static bool receive(SSL *ssl, char text[IDP_REQUEST_MAX], struct idp_request *ret_request)
{
    size_t len = 0;

    while (len + 1 < IDP_REQUEST_MAX) {
        int n = SSL_read(ssl, text + len, (int)(IDP_REQUEST_MAX - 1 - len));

        if (n <= 0)
            return false;
        len += (size_t)n;
        text[len] = '\0';
        if (parse(text, len, ret_request))
            return true;
    }
    return false;
}

static void reply(struct idp *idp, SSL *ssl, const struct idp_request *request)
{
    AUTO_JSON json_t *body = NULL;
    int status = idp_answer(idp, request, &body);
    AUTO_FREE char *text = body != NULL ? json_dumps(body, JSON_COMPACT) : strdup("");
    AUTO_FREE char *answer = NULL;
    int len = asprintf(&answer,
                       "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nCache-Control: "
                       "no-store\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                       status, status == 200 ? "OK" : "Refused", strlen(text), text);

    if (len > 0)
        (void)SSL_write(ssl, answer, len);
}

static void serve_one(struct idp *idp, int fd)
{
    static char text[IDP_REQUEST_MAX];
    struct timeval patience = {.tv_sec = PATIENCE_S};
    struct idp_request request = {0};
    SSL *ssl = SSL_new(idp->tls);
    int on = 1;

    idp->connections++;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 &&
        receive(ssl, text, &request)) {
        idp->resumed += (unsigned)SSL_session_reused(ssl);
        reply(idp, ssl, &request);
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    close(fd);
}

static volatile sig_atomic_t down;

static void on_signal(int signal)
{
    down = signal == SIGUSR1;
}

/* SIGUSR1: an outage, nobody listens; SIGUSR2: it is over. Both are let in while waiting only. */
static void catch_signals(sigset_t *ret_waiting)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    (void)sigprocmask(SIG_BLOCK, &both, ret_waiting);
    (void)sigaction(SIGUSR1, &action, NULL);
    (void)sigaction(SIGUSR2, &action, NULL);
}

void idp_serve(struct idp *idp, unsigned port)
{
    int listener = idp_listen(port);
    sigset_t waiting;

    catch_signals(&waiting);
    puts("ready");
    fflush(stdout);
    for (;;) {
        struct pollfd pfd = {.fd = listener, .events = POLLIN};
        int fd = -1;

        if (ppoll(&pfd, 1, NULL, &waiting) > 0)
            fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            serve_one(idp, fd);
        if (down) {
            close(listener);
            while (down)
                (void)sigsuspend(&waiting);
            listener = idp_listen(port);
        }
    }
}
