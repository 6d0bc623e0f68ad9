/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/loopback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/util.h"
#include "oidc/buffer.h"
#include "oidc/loopback_bind.h"
#include "oidc/loopback_page.h"

#define CONNECTIONS_MAX 8
#define CONNECTION_US   5000000
#define FAREWELL_US     3000000
#define ANSWER_MAX      4096
#define PAGE_SUFFIX     "/fin"

struct connection {
    struct loopback *loopback;
    int fd; /* -1: free place */
    sd_event_source *io;
    sd_event_source *timer;
    uint64_t serial; /* order of arrival */
    struct buffer head;
};

struct loopback {
    struct loopback *next;
    struct loopback_set *set;
    loopback_fn *callback; /* NULL once released */
    void *user;
    bool accepted; /* the awaited answer came: only the page is left to show */
    bool shown;    /* the page too: nothing is left */
    struct loopback_sockets sockets;
    sd_event_source *listeners[LOOPBACK_SOCKETS];
    sd_event_source *farewell;
    struct connection connections[CONNECTIONS_MAX];
    uint64_t serial;
    char host[32];
    char page[160];
    char redirect_uri[192];
    const char *path;
};

struct loopback_set {
    sd_event *event;
    struct loopback *first;
};

static void hang_up(struct connection *connection)
{
    if (connection->fd < 0)
        return;
    connection->io = sd_event_source_disable_unref(connection->io);
    connection->timer = sd_event_source_disable_unref(connection->timer);
    buffer_done(&connection->head);
    close(connection->fd);
    connection->fd = -1;
}

static void loopback_free(struct loopback *loopback)
{
    struct loopback **link = &loopback->set->first;

    while (*link != loopback)
        link = &(*link)->next;
    *link = loopback->next;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        hang_up(&loopback->connections[i]);
    for (unsigned i = 0; i < LOOPBACK_SOCKETS; i++) {
        sd_event_source_disable_unref(loopback->listeners[i]);
        if (loopback->sockets.fds[i] >= 0)
            close(loopback->sockets.fds[i]);
    }
    sd_event_source_disable_unref(loopback->farewell);
    free(loopback);
}

/* An answer is far smaller than a socket's buffer: it goes out whole or the visitor is gone. */
static void send_answer(const struct connection *connection, const struct buffer *answer)
{
    const char *text = buffer_text(answer);

    if (text != NULL && send(connection->fd, text, answer->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        log_debug("loopback visitor left: %s", strerror(errno));
    shutdown(connection->fd, SHUT_WR);
}

static void answer_visitor(struct connection *connection, enum loopback_verdict verdict,
                           const char *query)
{
    struct loopback *loopback = connection->loopback;
    AUTO_BUFFER struct buffer answer = BUFFER_INIT(ANSWER_MAX);
    bool awaited = verdict == LOOPBACK_CALLBACK && loopback->callback != NULL &&
                   !loopback->accepted && loopback->callback(loopback->user, query);

    if (awaited) {
        loopback->accepted = true;
        loopback_answer_accepted(&answer, loopback->page);
    } else if (verdict == LOOPBACK_PAGE && !loopback->accepted) {
        loopback_answer(&answer, LOOPBACK_NOT_FOUND);
    } else {
        loopback_answer(&answer, verdict);
    }
    send_answer(connection, &answer);
}

static int on_readable(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct connection *connection = user;
    struct loopback *loopback = connection->loopback;
    struct loopback_expect expect = {loopback->host, loopback->path, loopback->page};
    AUTO_WIPED char *query = NULL;
    enum loopback_verdict verdict;
    char chunk[4096];
    ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
    bool added = n > 0 && buffer_add(&connection->head, chunk, (size_t)n);

    (void)source;
    (void)events;
    explicit_bzero(chunk, sizeof chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (!added) {
        hang_up(connection);
        return 0;
    }
    verdict = loopback_parse(connection->head.data, connection->head.len, &expect, &query);
    if (verdict == LOOPBACK_MORE)
        return 0;
    answer_visitor(connection, verdict, query);
    hang_up(connection);
    loopback->shown |= loopback->accepted && verdict == LOOPBACK_PAGE;
    if (loopback->shown && loopback->callback == NULL)
        loopback_free(loopback);
    return 0;
}

static int on_slow(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    hang_up(user);
    return 0;
}

/* A free place, or that of the visitor who has been silent longest: nobody can fill the house. */
static struct connection *make_place(struct loopback *loopback)
{
    struct connection *oldest = &loopback->connections[0];

    for (unsigned i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &loopback->connections[i];

        if (connection->fd < 0)
            return connection;
        if (connection->serial < oldest->serial)
            oldest = connection;
    }
    hang_up(oldest);
    return oldest;
}

static int on_visitor(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct loopback *loopback = user;
    sd_event *event = loopback->set->event;
    struct connection *connection;
    int visitor = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    (void)source;
    (void)events;
    if (visitor < 0)
        return 0;
    connection = make_place(loopback);
    connection->fd = visitor;
    connection->serial = ++loopback->serial;
    if (sd_event_add_io(event, &connection->io, visitor, EPOLLIN, on_readable, connection) < 0 ||
        sd_event_add_time_relative(event, &connection->timer, CLOCK_BOOTTIME, CONNECTION_US, 0,
                                   on_slow, connection) < 0)
        hang_up(connection);
    return 0;
}

static bool listen_all(struct loopback *loopback)
{
    for (unsigned i = 0; i < LOOPBACK_SOCKETS; i++)
        if (loopback->sockets.fds[i] >= 0 &&
            sd_event_add_io(loopback->set->event, &loopback->listeners[i], loopback->sockets.fds[i],
                            EPOLLIN, on_visitor, loopback) < 0)
            return false;
    return true;
}

static void name_it(struct loopback *loopback, const struct profile *profile)
{
    snprintf(loopback->host, sizeof loopback->host, "%s:%u", profile->redirect_host,
             loopback->sockets.port);
    snprintf(loopback->page, sizeof loopback->page, "%s" PAGE_SUFFIX, profile->redirect_path);
    snprintf(loopback->redirect_uri, sizeof loopback->redirect_uri, "http://%s%s", loopback->host,
             profile->redirect_path);
    loopback->path = profile->redirect_path;
}

/* Listeners that only wait for a browser to fetch its last page: they may hold a port we need. */
static void end_farewells(struct loopback_set *set)
{
    for (struct loopback *loopback = set->first, *next; loopback != NULL; loopback = next) {
        next = loopback->next;
        if (loopback->callback == NULL)
            loopback_free(loopback);
    }
}

cps_error loopback_open(struct loopback_set *set, const struct profile *profile,
                        loopback_fn *callback, void *user, struct loopback **ret_loopback,
                        struct fail *fail)
{
    struct loopback *loopback = calloc(1, sizeof *loopback);
    cps_error error;

    if (loopback == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    end_farewells(set);
    loopback->set = set;
    loopback->callback = callback;
    loopback->user = user;
    loopback->sockets.fds[0] = loopback->sockets.fds[1] = -1;
    loopback->next = set->first;
    set->first = loopback;
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        loopback->connections[i] = (struct connection){
            .loopback = loopback, .fd = -1, .head = BUFFER_INIT(LOOPBACK_HEAD_MAX + 4096)};
    error = loopback_bind(profile, &loopback->sockets, fail);
    if (error == CPS_OK && !listen_all(loopback))
        error = fail_set(fail, CPS_INTERNAL, "cannot watch the redirect port");
    if (error != CPS_OK) {
        loopback_free(loopback);
        return error;
    }
    name_it(loopback, profile);
    *ret_loopback = loopback;
    return CPS_OK;
}

const char *loopback_redirect_uri(const struct loopback *loopback)
{
    return loopback->redirect_uri;
}

static int on_farewell(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    loopback_free(user);
    return 0;
}

void loopback_release(struct loopback *loopback)
{
    if (loopback == NULL)
        return;
    loopback->callback = NULL;
    if (!loopback->accepted || loopback->shown ||
        sd_event_add_time_relative(loopback->set->event, &loopback->farewell, CLOCK_BOOTTIME,
                                   FAREWELL_US, 0, on_farewell, loopback) < 0)
        loopback_free(loopback);
}

struct loopback_set *loopback_set_new(sd_event *event)
{
    struct loopback_set *set = calloc(1, sizeof *set);

    if (set != NULL)
        set->event = event;
    return set;
}

void loopback_set_free(struct loopback_set *set)
{
    if (set == NULL)
        return;
    while (set->first != NULL)
        loopback_free(set->first);
    free(set);
}
