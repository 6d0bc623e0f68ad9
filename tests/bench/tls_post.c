/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench-tls-post PORT CA_FILE CORE MS BODY PATH [own|resumed]: the floor of a token refresh. A TCP
 * connection, a full TLS 1.3 handshake with the server's certificate verified, one POST, its answer
 * to the end. own: each connection has an SSL_CTX of its own, as those of libcurl have. resumed:
 * each but the first resumes the session of the one before.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/clocks.h"
#include "tests/bench/samples.h"

#define WARMUP_MS  50
#define ANSWER_MAX 65536

struct floor {
    SSL_CTX *tls;
    bool own, resumed;
    SSL_SESSION *session; /* NULL: none yet */
    struct sockaddr_in address;
    char request[4096];
    int len;
};

static int connected(const struct floor *floor)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    if (fd < 0 || setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ||
        connect(fd, (const struct sockaddr *)&floor->address, sizeof floor->address) < 0)
        err(EXIT_FAILURE, "connect");
    return fd;
}

/* The authorities are read once in any case: libcurl keeps them too. */
static SSL_CTX *context(const struct floor *floor)
{
    SSL_CTX *tls;

    if (!floor->own) {
        SSL_CTX_up_ref(floor->tls);
        return floor->tls;
    }
    tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL)
        errx(EXIT_FAILURE, "SSL_CTX");
    SSL_CTX_set1_cert_store(tls, SSL_CTX_get_cert_store(floor->tls));
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    return tls;
}

/* For the next call; a connection that just goes away would leave a session nobody may resume. */
static void keep_session(struct floor *floor, SSL *ssl)
{
    SSL_SESSION_free(floor->session);
    floor->session = SSL_get1_session(ssl);
    SSL_set_quiet_shutdown(ssl, 1);
    (void)SSL_shutdown(ssl);
}

static SSL *handshake(const struct floor *floor, SSL_CTX *tls, int fd)
{
    SSL *ssl = SSL_new(tls);

    if (ssl == NULL || SSL_set_fd(ssl, fd) != 1 ||
        (floor->session != NULL && SSL_set_session(ssl, floor->session) != 1) ||
        SSL_connect(ssl) != 1 || SSL_session_reused(ssl) != (floor->session != NULL))
        errx(EXIT_FAILURE, "TLS");
    return ssl;
}

static void call(void *user)
{
    struct floor *floor = user;
    static char answer[ANSWER_MAX];
    int fd = connected(floor);
    SSL_CTX *tls = context(floor);
    SSL *ssl = handshake(floor, tls, fd);
    int len = 0, n;

    if (SSL_write(ssl, floor->request, floor->len) != floor->len)
        errx(EXIT_FAILURE, "TLS");
    while (len < ANSWER_MAX - 1 && (n = SSL_read(ssl, answer + len, ANSWER_MAX - 1 - len)) > 0)
        len += n;
    answer[len] = '\0';
    if (strstr(answer, " 200 ") == NULL)
        errx(EXIT_FAILURE, "the server answers: %s", answer);
    if (floor->resumed)
        keep_session(floor, ssl);
    SSL_free(ssl);
    SSL_CTX_free(tls);
    close(fd);
}

static SSL_CTX *verifying(const char *ca_file)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());

    if (tls == NULL || SSL_CTX_load_verify_locations(tls, ca_file, NULL) != 1)
        errx(EXIT_FAILURE, "%s", ca_file);
    SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
    return tls;
}

int main(int argc, char **argv)
{
    struct floor floor = {.address = {.sin_family = AF_INET}};

    floor.own = argc == 8 && strcmp(argv[7], "own") == 0;
    floor.resumed = argc == 8 && strcmp(argv[7], "resumed") == 0;
    if (argc != 7 && !floor.own && !floor.resumed)
        errx(2, "usage: bench-tls-post PORT CA_FILE CORE MS BODY PATH [own|resumed]");
    clocks_pin(atoi(argv[3]));
    floor.tls = verifying(argv[2]);
    floor.address.sin_port = htons((uint16_t)atoi(argv[1]));
    floor.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    floor.len = snprintf(floor.request, sizeof floor.request,
                         "POST %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nAccept: application/json\r\n"
                         "Content-Type: application/x-www-form-urlencoded\r\n"
                         "Content-Length: %zu\r\n\r\n%s",
                         argv[6], argv[1], strlen(argv[5]), argv[5]);
    samples_of(call, &floor, atol(argv[4]), WARMUP_MS, 0);
    SSL_SESSION_free(floor.session);
    SSL_CTX_free(floor.tls);
    return EXIT_SUCCESS;
}
