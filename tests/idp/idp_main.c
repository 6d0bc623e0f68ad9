/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mock-idp DIRECTORY PORT CLIENT_ID [tickets]. The directory has server.pem and server.key for TLS,
 * signing.key for ID tokens. tickets: TLS clients may resume, which else nobody can.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/idp/idp.h"

#define BACKLOG 128

int idp_listen(unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        err(EXIT_FAILURE, "port %u", port);
    return fd;
}

static const char *in(const char *directory, const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static EVP_PKEY *signing_key(const char *path)
{
    FILE *file = fopen(path, "re");
    EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;

    if (key == NULL)
        errx(EXIT_FAILURE, "%s: no key", path);
    fclose(file);
    return key;
}

static SSL_CTX *tls(const char *directory, bool tickets)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION) != 1 ||
        (!tickets && SSL_CTX_set_num_tickets(tls, 0) != 1) ||
        SSL_CTX_use_certificate_chain_file(tls, in(directory, "server.pem")) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, in(directory, "server.key"), SSL_FILETYPE_PEM) != 1)
        errx(EXIT_FAILURE, "%s: TLS", directory);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    return tls;
}

int main(int argc, char **argv)
{
    static struct idp idp;
    bool tickets = argc == 5 && strcmp(argv[4], "tickets") == 0;
    unsigned port;

    if (argc != 4 && !tickets)
        errx(2, "usage: mock-idp DIRECTORY PORT CLIENT_ID [tickets]");
    (void)signal(SIGPIPE, SIG_IGN);
    port = (unsigned)strtoul(argv[2], NULL, 10);
    snprintf(idp.issuer, sizeof idp.issuer, "https://127.0.0.1:%u/auth", port);
    idp.client_id = argv[3];
    idp.key = signing_key(in(argv[1], "signing.key"));
    idp.tls = tls(argv[1], tickets);
    idp_serve(&idp, port);
}
