/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "agent/peer.h"
#include "agent/request.h"
#include "agent/rpc.h"
#include "agent/server.h"
#include "base/log.h"
#include "base/util.h"

#define PARTS_MAX 8

/* Answers to lines of one turn are sent together, once there are so many bytes of them. */
#define GATHERED_MAX 16384

/* First size of what is kept for a socket. */
#define OUT_MIN 4096

/* Lines served before the other clients have their turn. */
#define LINES_A_TURN 32

/* Shared by all connections: only an unfinished line costs a connection memory of its own. */
static char scratch[CONN_LINE_MAX];

struct conn *conn_new(struct agent *agent, int fd, pid_t pid)
{
    struct conn *conn = calloc(1, sizeof *conn);
    struct peer peer;

    if (conn == NULL) {
        close(fd);
        return NULL;
    }
    conn->agent = agent;
    conn->fd = fd;
    conn->pid = pid;
    peer_read(fd, pid, policy_wants_cgroup(agent->policy), &peer);
    conn->program = peer.program;
    conn->unit = peer.unit;
    conn->app = peer.app;
    conn->watched = EPOLLIN;
    if (server_watch(agent->server, conn, EPOLL_CTL_ADD) < 0) {
        close(fd);
        peer_done(&peer);
        free(conn);
        return NULL;
    }
    return conn;
}

void conn_free(struct conn *conn)
{
    conn->broken = true;
    requests_abandon(conn);
    /* A helper being started may hold a copy of the socket: closing ours alone ends no watch. */
    (void)server_watch(conn->agent->server, conn, EPOLL_CTL_DEL);
    close(conn->fd);
    json_decref(conn->display);
    if (conn->out != NULL)
        explicit_bzero(conn->out, conn->out_len); /* may hold tokens */
    free(conn->out);
    free(conn->in);
    free(conn->program);
    free(conn->unit);
    free(conn->app);
    free(conn->origin);
    free(conn);
}

/* The loop then sees the end of the stream, and the connection ends from there. */
static void break_off(struct conn *conn)
{
    conn->broken = true;
    shutdown(conn->fd, SHUT_RDWR);
}

static size_t backlog(const struct conn *conn)
{
    return conn->out_len - conn->out_done;
}

/* Lines that wait are served when there is room for their answers, and new ones read after that. */
static void watch(struct conn *conn)
{
    uint32_t events = backlog(conn) > 0 || conn->lines_wait ? EPOLLOUT : 0;

    if (backlog(conn) <= CONN_BACKLOG_PAUSE && !conn->lines_wait && !conn->flush_only)
        events |= EPOLLIN;
    if (events == conn->watched)
        return;
    conn->watched = events;
    if (server_watch(conn->agent->server, conn, EPOLL_CTL_MOD) < 0)
        break_off(conn);
}

/* What is left behind when it grows may hold tokens: it is wiped, which realloc() would not do. */
static bool make_room(struct conn *conn, size_t more)
{
    size_t len = backlog(conn);
    size_t size = conn->out_size;
    char *grown;

    if (conn->out_len + more <= size)
        return true;
    while (size < len + more)
        size = size > 0 ? 2 * size : OUT_MIN;
    grown = malloc(size);
    if (grown == NULL)
        return false;
    if (conn->out != NULL) {
        memcpy(grown, conn->out + conn->out_done, len);
        explicit_bzero(conn->out, conn->out_len);
        free(conn->out);
    }
    conn->out = grown;
    conn->out_size = size;
    conn->out_len = len;
    conn->out_done = 0;
    return true;
}

/* Keeps what the socket did not take. */
static bool keep(struct conn *conn, const struct iovec *iov, size_t n, size_t skip)
{
    size_t more = 0;

    for (size_t i = 0; i < n; i++)
        more += iov[i].iov_len;
    more -= skip;
    if (backlog(conn) + more > CONN_BACKLOG_MAX || !make_room(conn, more))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t from = skip < iov[i].iov_len ? skip : iov[i].iov_len;

        memcpy(conn->out + conn->out_len, (const char *)iov[i].iov_base + from,
               iov[i].iov_len - from);
        conn->out_len += iov[i].iov_len - from;
        skip -= from;
    }
    return true;
}

void conn_send(struct conn *conn, const struct conn_part *parts, size_t n)
{
    struct iovec iov[PARTS_MAX + 1];
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = n + 1};
    size_t total = 1;
    ssize_t sent = 0;

    if (conn->broken || n > PARTS_MAX)
        return;
    for (size_t i = 0; i < n; i++) {
        iov[i].iov_base = (void *)(uintptr_t)parts[i].text; /* sendmsg only reads it */
        iov[i].iov_len = parts[i].len;
        total += parts[i].len;
    }
    iov[n] = (struct iovec){.iov_base = (char[]){'\n'}, .iov_len = 1};
    if (conn->out == NULL && !conn->gathering)
        sent = sendmsg(conn->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == (ssize_t)total)
        return;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) {
        break_off(conn);
        return;
    }
    if (!keep(conn, iov, n + 1, sent > 0 ? (size_t)sent : 0)) {
        log_warning("client %d does not read its answers, cut off", (int)conn->pid);
        break_off(conn);
        return;
    }
    if (!conn->gathering)
        watch(conn);
}

void conn_send_json(struct conn *conn, json_t *message)
{
    AUTO_JSON json_t *owned = message;
    char *text = json_dumps(owned, JSON_COMPACT);
    size_t len;

    if (text == NULL)
        return;
    len = strlen(text);
    if (len < CONN_ANSWER_MAX)
        conn_send(conn, &(struct conn_part){.text = text, .len = len}, 1);
    else
        log_error("an answer of %zu bytes was not sent", len);
    explicit_bzero(text, len);
    free(text);
}

/* It will not say more, and is owed nothing more. */
static bool finished(const struct conn *conn)
{
    return conn->flush_only && conn->out == NULL && conn->n_requests == 0 && conn->events == 0;
}

/* False: nothing more to do with this client. */
static bool flush(struct conn *conn)
{
    ssize_t n = send(conn->fd, conn->out + conn->out_done, conn->out_len - conn->out_done,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return false;
    if (n > 0)
        conn->out_done += (size_t)n;
    if (conn->out_done == conn->out_len) {
        explicit_bzero(conn->out, conn->out_len);
        free(TAKE_PTR(conn->out));
        conn->out_len = conn->out_done = conn->out_size = 0;
        if (finished(conn))
            return false;
    }
    watch(conn);
    return true;
}

/* Nothing more will be read. False: there is nothing to send either. */
static bool stop_reading(struct conn *conn)
{
    conn->flush_only = true;
    watch(conn);
    return !finished(conn);
}

void conn_idle(struct conn *conn)
{
    if (finished(conn))
        break_off(conn);
}

/* No way to find the next message in such a stream: say so, then hang up. */
static bool refuse_stream(struct conn *conn)
{
    struct fail fail;

    fail_set(&fail, CPS_TOO_LARGE, "a line may have %d bytes", CONN_LINE_MAX);
    conn->events = 0;
    rpc_send_error(conn, NULL, &fail);
    return stop_reading(conn);
}

/* Keeps what is left of a buffer. */
static bool keep_rest(struct conn *conn, const char *rest, size_t len)
{
    char *copy = NULL;

    if (len > 0) {
        copy = malloc(len);
        if (copy == NULL)
            return false;
        memcpy(copy, rest, len);
    }
    free(conn->in);
    conn->in = copy;
    conn->in_len = len;
    return true;
}

/*
 * Serves the lines of scratch, which holds what was kept and what came now, up to a turn's worth.
 * Another connection cannot touch scratch meanwhile: nothing below this returns to the loop.
 */
static bool serve(struct conn *conn, size_t len)
{
    size_t start = 0;
    const char *end = memchr(scratch, '\n', len);

    for (unsigned n = 0; end != NULL && n < LINES_A_TURN; n++) {
        const char *line = scratch + start;
        size_t line_len = (size_t)(end - line);

        if (backlog(conn) > CONN_BACKLOG_PAUSE || conn->broken)
            break;
        start += line_len + 1;
        end = memchr(scratch + start, '\n', len - start);
        conn->gathering = end != NULL;
        rpc_line(conn, line, line_len);
        if (backlog(conn) > GATHERED_MAX && !conn->broken && !flush(conn))
            return false;
    }
    conn->lines_wait = end != NULL;
    conn->gathering = false;
    if (conn->out != NULL && !conn->broken && !flush(conn))
        return false;
    if (end == NULL && len - start >= CONN_LINE_MAX)
        return refuse_stream(conn);
    if (!keep_rest(conn, scratch + start, len - start))
        return false;
    watch(conn);
    return true;
}

static bool on_readable(struct conn *conn, bool hung_up)
{
    size_t old = conn->in_len;
    ssize_t n;

    if (old > 0)
        memcpy(scratch, conn->in, old);
    n = recv(conn->fd, scratch + old, sizeof scratch - old, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (n == 0 && !hung_up) /* it may still read */
        return stop_reading(conn);
    return n > 0 && serve(conn, old + (size_t)n);
}

static bool on_writable(struct conn *conn)
{
    if (conn->out != NULL && !flush(conn))
        return false;
    if (!conn->lines_wait || backlog(conn) > CONN_BACKLOG_PAUSE)
        return true;
    memcpy(scratch, conn->in, conn->in_len);
    return serve(conn, conn->in_len);
}

void conn_ready(struct conn *conn, uint32_t revents)
{
    bool alive = false; /* broken, or hung up without a last word */

    if (!conn->broken && (revents & EPOLLOUT) != 0)
        alive = on_writable(conn);
    else if (!conn->broken && (revents & EPOLLIN) != 0)
        alive = on_readable(conn, (revents & EPOLLHUP) != 0);
    if (!alive) {
        server_forget(conn->agent->server, conn);
        conn_free(conn);
    }
}
