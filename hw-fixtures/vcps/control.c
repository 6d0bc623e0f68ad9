/* SPDX-License-Identifier: Apache-2.0 */
#include "control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "command.h"

bool control_init(struct control *c, const char *path, struct reader *reader)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    *c = (struct control){.listener = -1, .reader = reader};
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        c->clients[i].fd = -1;
    if (strlen(path) >= sizeof(at.sun_path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(at.sun_path, path, strlen(path));
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listener < 0)
        return false;
    (void)unlink(path);
    mode_t mask = umask(0177);
    int bound = bind(c->listener, (struct sockaddr *)&at, sizeof(at));
    (void)umask(mask);
    return bound == 0 && listen(c->listener, CONTROL_CLIENTS_MAX) == 0;
}

static void drop_client(struct control_client *k)
{
    if (k->fd >= 0)
        close(k->fd);
    k->fd = -1;
    k->len = 0;
    k->wait = WAIT_NOTHING;
}

void control_done(struct control *c)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        drop_client(&c->clients[i]);
    if (c->listener >= 0)
        close(c->listener);
    c->listener = -1;
}

void control_prepare(const struct control *c, struct pollfd *fds)
{
    fds[0] = (struct pollfd){.fd = c->listener, .events = POLLIN};
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        fds[i + 1] = (struct pollfd){.fd = c->clients[i].fd, .events = POLLIN};
}

/* Takes the reference. A client that does not read its answers is not worth keeping. */
static void send_answer(struct control_client *k, json_t *answer)
{
    char *s = json_dumps(answer, JSON_COMPACT);
    char buf[CONTROL_LINE_MAX];
    int n = s ? snprintf(buf, sizeof(buf), "%s\n", s) : -1;

    json_decref(answer);
    free(s);
    if (n < 0 || (size_t)n >= sizeof(buf) ||
        send(k->fd, buf, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT) != n)
        drop_client(k);
}

static void execute_line(struct control *c, struct control_client *k, size_t len, uint64_t now)
{
    struct command_outcome outcome;
    json_t *answer = command_execute(c->reader, k->line, len, now, &outcome);

    c->quit = c->quit || outcome.quit;
    if (outcome.wait == WAIT_NOTHING) {
        send_answer(k, answer);
        return;
    }
    json_decref(answer);
    k->wait = outcome.wait;
    k->deadline = now + outcome.wait_ms * 1000000;
}

/* Runs the whole lines received; one that makes the client wait stops the rest until answered. */
static void run_lines(struct control *c, struct control_client *k, uint64_t now)
{
    char *nl;

    while (k->fd >= 0 && k->wait == WAIT_NOTHING && (nl = memchr(k->line, '\n', k->len))) {
        size_t used = (size_t)(nl - k->line) + 1;
        execute_line(c, k, used - 1, now);
        if (k->fd < 0)
            return;
        k->len -= used;
        memmove(k->line, k->line + used, k->len);
    }
}

static void read_client(struct control *c, struct control_client *k, uint64_t now)
{
    ssize_t n = recv(k->fd, k->line + k->len, sizeof(k->line) - k->len, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) { /* closed, or a line longer than the buffer */
        drop_client(k);
        return;
    }
    k->len += (size_t)n;
    run_lines(c, k, now);
}

static void accept_client(struct control *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        if (c->clients[i].fd < 0) {
            c->clients[i].fd = fd;
            return;
        }
    }
    close(fd);
}

void control_handle(struct control *c, const struct pollfd *fds, uint64_t now)
{
    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++)
        if (fds[i + 1].revents && c->clients[i].fd == fds[i + 1].fd)
            read_client(c, &c->clients[i], now);
    if (fds[0].revents)
        accept_client(c);
}

static bool wait_over(const struct control *c, enum control_wait wait)
{
    return wait == WAIT_POWERED ? c->reader->seen : reader_is_gone(c->reader);
}

uint64_t control_run(struct control *c, uint64_t now)
{
    uint64_t next = 0;

    for (size_t i = 0; i < CONTROL_CLIENTS_MAX; i++) {
        struct control_client *k = &c->clients[i];
        if (k->fd < 0 || k->wait == WAIT_NOTHING)
            continue;
        bool over = wait_over(c, k->wait);
        if (!over && k->deadline > now) {
            next = next == 0 || k->deadline < next ? k->deadline : next;
            continue;
        }
        k->wait = WAIT_NOTHING;
        send_answer(k, over ? json_pack("{s:b}", "ok", 1)
                            : json_pack("{s:b, s:s}", "ok", 0, "error", "timeout"));
        run_lines(c, k, now);
    }
    return next;
}
