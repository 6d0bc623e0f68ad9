/* SPDX-License-Identifier: Apache-2.0 */
#include "base/packet.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/json.h"
#include "base/util.h"

/* One static buffer a process: every process is single-threaded. */
static char buffer[PACKET_MAX];

static int send_text(int fd, size_t len, int pass_fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {.bytes = {0}};
    struct iovec iov = {.iov_base = buffer, .iov_len = len};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (pass_fd >= 0) {
        struct cmsghdr *cmsg = &control.align;

        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof control.bytes;
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(cmsg), &pass_fd, sizeof pass_fd);
    }
    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int packet_send(int fd, const json_t *object, int pass_fd)
{
    size_t len = json_dumpb(object, buffer, sizeof buffer, JSON_COMPACT);
    int r;

    if (len == 0)
        return -EINVAL;
    if (len > sizeof buffer)
        return -EMSGSIZE;
    r = send_text(fd, len, pass_fd);
    explicit_bzero(buffer, len);
    return r;
}

/* The descriptor that came along, or -1. Any further one is closed: nobody asked for it. */
static int take_fd(struct msghdr *msg)
{
    int found = -1;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof fd);
            if (found < 0)
                found = fd;
            else
                close(fd);
        }
    }
    return found;
}

int packet_recv(int fd, json_t **ret_object, int *ret_fd)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {.iov_base = buffer, .iov_len = sizeof buffer};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    AUTO_CLOSE int passed = -1;
    AUTO_JSON json_t *object = NULL;
    ssize_t n;

    do
        n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    passed = take_fd(&msg);
    if (n == 0)
        return 0;
    if ((msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0)
        object = json_parse_strict(buffer, (size_t)n);
    explicit_bzero(buffer, (size_t)n);
    if (!json_is_object(object))
        return -EPROTO;
    *ret_object = TAKE_PTR(object);
    *ret_fd = TAKE_FD(passed);
    return 1;
}
