/* SPDX-License-Identifier: Apache-2.0 */
#include "base/line.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"

#define FIRST_SIZE 4096

void line_reader_done(struct line_reader *reader)
{
    if (reader->data != NULL)
        explicit_bzero(reader->data, reader->size);
    free(reader->data);
    *reader = (struct line_reader){0};
}

static void drop_line(struct line_reader *reader)
{
    size_t rest = reader->filled - reader->line;

    memmove(reader->data, reader->data + reader->line, rest);
    explicit_bzero(reader->data + rest, reader->line);
    reader->filled = rest;
    reader->line = 0;
}

const char *line_next(struct line_reader *reader, size_t *ret_len)
{
    char *end;

    if (reader->line > 0)
        drop_line(reader);
    end = reader->filled > 0 ? memchr(reader->data, '\n', reader->filled) : NULL;
    if (end == NULL)
        return NULL;
    *end = '\0';
    reader->line = (size_t)(end - reader->data) + 1;
    *ret_len = reader->line - 1;
    return reader->data;
}

/* realloc would leave a copy behind: the old block is wiped. */
static int grow(struct line_reader *reader)
{
    size_t size = reader->size == 0 ? FIRST_SIZE : reader->size * 2;
    char *data;

    if (reader->size == LINE_MAX_IN + 1)
        return -EMSGSIZE;
    if (size > LINE_MAX_IN)
        size = LINE_MAX_IN + 1;
    data = malloc(size);
    if (data == NULL)
        return -ENOMEM;
    if (reader->filled > 0)
        memcpy(data, reader->data, reader->filled);
    if (reader->data != NULL)
        explicit_bzero(reader->data, reader->size);
    free(reader->data);
    reader->data = data;
    reader->size = size;
    return 0;
}

int line_fill(struct line_reader *reader, int fd)
{
    ssize_t n;

    if (reader->line > 0)
        drop_line(reader);
    if (reader->filled == reader->size) {
        int r = grow(reader);

        if (r < 0)
            return r;
    }
    do
        n = recv(fd, reader->data + reader->filled, reader->size - reader->filled, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -ECONNRESET;
    reader->filled += (size_t)n;
    return 0;
}

static int wait_writable(int fd, int64_t deadline_ms)
{
    struct pollfd pfd = {.fd = fd, .events = POLLOUT};
    int r;

    do
        r = poll(&pfd, 1, clock_left_ms(deadline_ms));
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    return r == 0 ? -ETIMEDOUT : 0;
}

int line_send(int fd, const char *text, size_t len, int64_t deadline_ms)
{
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        int r = n < 0 ? -errno : 0;

        if (r == -EAGAIN)
            r = wait_writable(fd, deadline_ms);
        else if (r == -EINTR)
            r = 0;
        if (r < 0)
            return r;
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

int line_wait(int fd, int cancel_fd, int64_t deadline_ms)
{
    struct pollfd pfds[] = {{.fd = fd, .events = POLLIN}, {.fd = cancel_fd, .events = POLLIN}};
    int r;

    do
        r = poll(pfds, 2, clock_left_ms(deadline_ms));
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    if (r == 0)
        return 0;
    return pfds[0].revents != 0 ? 1 : 2;
}
