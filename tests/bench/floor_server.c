/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/floor.h"

#define EVENTS_MAX 64
#define BACKLOG    1024

struct client {
    struct client *next_subscriber; /* itself when last; NULL: not subscribed */
    int fd;
    size_t len;
    char in[FLOOR_LINE_MAX];
};

static struct client *subscribers;

static int listen_at(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path)
        errx(EXIT_FAILURE, "path too long: %s", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        listen(fd, BACKLOG) < 0)
        err(EXIT_FAILURE, "%s", path);
    return fd;
}

static void accept_one(const struct floor *floor, int epoll, int listener)
{
    struct client *client = calloc(1, sizeof *client);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = client};
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (client == NULL || fd < 0)
        err(EXIT_FAILURE, "accept");
    client->fd = fd;
    floor_identify(floor->identity, fd);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        err(EXIT_FAILURE, "epoll_ctl");
}

static void subscribe(struct client *client)
{
    if (client->next_subscriber != NULL)
        return;
    client->next_subscriber = subscribers != NULL ? subscribers : client;
    subscribers = client;
}

static void unsubscribe(const struct client *client)
{
    struct client **at = &subscribers;
    struct client *before = NULL;

    if (client->next_subscriber == NULL)
        return;
    while (*at != client) {
        before = *at;
        at = &before->next_subscriber;
    }
    if (client->next_subscriber != client)
        *at = client->next_subscriber;
    else if (before != NULL)
        before->next_subscriber = before;
    else
        subscribers = NULL;
}

static void drop(struct client *client)
{
    unsubscribe(client);
    close(client->fd);
    free(client);
}

/* A client that does not read loses what its socket cannot hold: a floor keeps no queue. */
static void send_to(const struct client *client, const char *text, size_t len)
{
    if (send(client->fd, text, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
        shutdown(client->fd, SHUT_RDWR);
}

static void publish(const struct floor *floor)
{
    struct client *client = subscribers;

    while (client != NULL) {
        send_to(client, floor->event, strlen(floor->event));
        client = client->next_subscriber != client ? client->next_subscriber : NULL;
    }
}

static bool serve_line(const struct floor *floor, struct client *client, const char *line,
                       size_t len)
{
    static char out[FLOOR_ANSWER_MAX];
    enum floor_wish wish;
    size_t n = floor_answer(floor, line, len, out, &wish);

    if (n == 0)
        return false;
    if (wish == FLOOR_PUBLISH)
        publish(floor);
    if (wish == FLOOR_SUBSCRIBE)
        subscribe(client);
    send_to(client, out, n);
    return true;
}

/* False: the client has left, or makes no sense. */
static bool on_readable(const struct floor *floor, struct client *client)
{
    ssize_t n = recv(client->fd, client->in + client->len, sizeof client->in - client->len, 0);
    const char *start = client->in;
    const char *end;

    if (n <= 0)
        return false;
    client->len += (size_t)n;
    while ((end = memchr(start, '\n', client->len)) != NULL) {
        if (!serve_line(floor, client, start, (size_t)(end - start)))
            return false;
        client->len -= (size_t)(end + 1 - start);
        start = end + 1;
    }
    memmove(client->in, start, client->len);
    return client->len < sizeof client->in;
}

void floor_serve(const struct floor *floor)
{
    int listener = listen_at(floor->socket_path);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event events[EVENTS_MAX] = {{.events = EPOLLIN}};

    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]) < 0)
        err(EXIT_FAILURE, "epoll");
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS_MAX, -1);

        if (n < 0 && errno != EINTR)
            err(EXIT_FAILURE, "epoll_wait");
        for (int i = 0; i < n; i++) {
            struct client *client = events[i].data.ptr;

            if (client == NULL)
                accept_one(floor, epoll, listener);
            else if (!on_readable(floor, client))
                drop(client);
        }
    }
}
