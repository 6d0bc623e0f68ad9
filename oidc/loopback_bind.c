/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/loopback_bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/util.h"

#define BACKLOG 16

/* Tries of a free port that has to be free for both addresses. */
#define EPHEMERAL_TRIES 8

/* A listening socket, or a negative errno. */
static int listen_on(const struct sockaddr *address, socklen_t len)
{
    AUTO_CLOSE int fd =
        socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    int one = 1;

    if (fd < 0)
        return -errno;
    /* Takes over closed connections of the last login, never a live listener. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0)
        return -errno;
    if (address->sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
        return -errno;
    if (bind(fd, address, len) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    return TAKE_FD(fd);
}

static int listen_v4(uint16_t port, uint16_t *ret_port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    AUTO_CLOSE int fd = listen_on((const struct sockaddr *)&address, len);

    if (fd < 0)
        return fd;
    if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    *ret_port = ntohs(address.sin_port);
    return TAKE_FD(fd);
}

static int listen_v6(uint16_t port)
{
    struct sockaddr_in6 address = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    return listen_on((const struct sockaddr *)&address, sizeof address);
}

/*
 * Returns 0 or a negative errno. A machine without IPv6 has no ::1 to answer on, and no browser
 * that would go there; but a ::1 port in another's hands would get our answers.
 */
static int bind_port(uint16_t port, bool both, struct loopback_sockets *ret_sockets)
{
    struct loopback_sockets found = {.fds = {-1, -1}};
    int v6;

    found.fds[0] = listen_v4(port, &found.port);
    if (found.fds[0] < 0)
        return found.fds[0];
    v6 = both ? listen_v6(found.port) : -EADDRNOTAVAIL;
    if (v6 < 0 && v6 != -EADDRNOTAVAIL && v6 != -EAFNOSUPPORT) {
        close(found.fds[0]);
        return v6;
    }
    found.fds[1] = v6 >= 0 ? v6 : -1;
    *ret_sockets = found;
    return 0;
}

cps_error loopback_bind(const struct profile *profile, struct loopback_sockets *ret_sockets,
                        struct fail *fail)
{
    bool both = strcmp(profile->redirect_host, "localhost") == 0;
    unsigned tries = profile->n_redirect_ports > 0 ? profile->n_redirect_ports : EPHEMERAL_TRIES;
    int r = 0;

    for (unsigned i = 0; i < tries; i++) {
        r = bind_port(profile->n_redirect_ports > 0 ? profile->redirect_ports[i] : 0, both,
                      ret_sockets);
        if (r == 0)
            return CPS_OK;
    }
    return fail_reason(fail, CPS_CONFIGURATION, "redirect_port", "no free redirect port: %s",
                       strerror(-r));
}
