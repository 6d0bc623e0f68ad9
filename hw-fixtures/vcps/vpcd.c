/* SPDX-License-Identifier: Apache-2.0 */
#include "vpcd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

void vpcd_init(struct vpcd *v, uint16_t port)
{
    v->port = port;
    v->state = VPCD_DOWN;
    v->fd = -1;
    v->noticed = false;
    v->in_len = 0;
}

static void drop(struct vpcd *v)
{
    const uint8_t look[3] = {0, 1, VPCD_ATR};

    v->noticed = v->state == VPCD_LEAVING && v->in_len == sizeof(look) &&
                 memcmp(v->in, look, sizeof(look)) == 0;
    if (v->fd >= 0)
        close(v->fd);
    v->fd = -1;
    v->state = VPCD_DOWN;
    v->in_len = 0;
}

void vpcd_done(struct vpcd *v)
{
    drop(v);
}

static void set_flag(int fd, int option)
{
    int one = 1;

    /* Speed only: without them the exchange is slow, not wrong. */
    (void)setsockopt(fd, IPPROTO_TCP, option, &one, sizeof(one));
}

bool vpcd_connect(struct vpcd *v)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(v->port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (v->state != VPCD_DOWN)
        return true;
    v->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (v->fd < 0)
        return false;
    set_flag(v->fd, TCP_NODELAY);
    if (connect(v->fd, (struct sockaddr *)&to, sizeof(to)) == 0) {
        v->state = VPCD_UP;
    } else if (errno == EINPROGRESS) {
        v->state = VPCD_CONNECTING;
    } else {
        drop(v);
        return false;
    }
    return true;
}

short vpcd_events(const struct vpcd *v)
{
    return v->state == VPCD_CONNECTING ? POLLOUT : POLLIN;
}

static void finish_connect(struct vpcd *v)
{
    int err = 0;
    socklen_t n = sizeof(err);

    if (getsockopt(v->fd, SOL_SOCKET, SO_ERROR, &err, &n) != 0 || err)
        drop(v);
    else
        v->state = VPCD_UP;
}

void vpcd_handle(struct vpcd *v, short revents)
{
    if (v->fd < 0 || !revents)
        return;
    if (v->state == VPCD_CONNECTING) {
        finish_connect(v);
        return;
    }
    if (v->in_len == sizeof(v->in)) { /* vpcd never sends this much ahead */
        drop(v);
        return;
    }
    ssize_t n = recv(v->fd, v->in + v->in_len, sizeof(v->in) - v->in_len, 0);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        drop(v);
        return;
    }
    /* vpcd may write length and payload apart with Nagle on: acknowledge at once, each time, or it
     * waits 40 ms for the second segment. The kernel forgets the option by itself. */
    set_flag(v->fd, TCP_QUICKACK);
    if (n > 0)
        v->in_len += (size_t)n;
}

bool vpcd_message(const struct vpcd *v, const uint8_t **ret_msg, size_t *ret_len)
{
    if (v->state != VPCD_UP || v->in_len < 2 || v->in_len < 2 + (size_t)be16(v->in))
        return false;
    *ret_msg = v->in + 2;
    *ret_len = be16(v->in);
    return true;
}

void vpcd_consume(struct vpcd *v)
{
    if (v->in_len < 2)
        return; /* the link was dropped meanwhile */
    size_t n = 2 + (size_t)be16(v->in);
    v->in_len -= n;
    memmove(v->in, v->in + n, v->in_len);
}

void vpcd_send(struct vpcd *v, const uint8_t *msg, size_t n, size_t part)
{
    uint8_t buf[2 + 1024];

    if (v->state != VPCD_UP || n > sizeof(buf) - 2 || part > n)
        return;
    buf[0] = hi8(n);
    buf[1] = lo8(n);
    memcpy(buf + 2, msg, part);
    /* One answer is outstanding at a time, so the socket's buffer always has room. */
    if (send(v->fd, buf, 2 + part, MSG_NOSIGNAL) != (ssize_t)(2 + part))
        drop(v);
}

void vpcd_leave(struct vpcd *v)
{
    if (v->state != VPCD_UP)
        return;
    (void)shutdown(v->fd, SHUT_WR);
    v->state = VPCD_LEAVING;
    v->in_len = 0;
}
