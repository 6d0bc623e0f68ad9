/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/server.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>

#include "agent/conn.h"
#include "base/log.h"
#include "base/util.h"

#define BACKLOG 1024

/* Clients served before helpers and timers have their turn. */
#define CLIENTS_A_TURN 32

/* Out of descriptors: how long until the next look at whether there is one. */
#define DEAF_US 1000000

struct server {
    struct agent *agent;
    int fd;
    bool bound;   /* we made the socket file, we remove it */
    int ready_fd; /* epoll of the socket and of all connections */
    sd_event_source *ready;
    bool deaf;                /* out of descriptors: the socket is not watched */
    bool told;                /* and the log says so */
    sd_event_source *hearing; /* when it is watched again at the latest */
    uid_t uid;                /* ours, and that of whoever may connect */
    struct conn *conns;
    unsigned n_conns;
};

const char *const event_names[EVENT_KINDS] = {
    [EVENT_READER] = "reader",   [EVENT_CARD] = "card",     [EVENT_SESSION] = "session",
    [EVENT_DESKTOP] = "desktop", [EVENT_HEALTH] = "health",
};

static int peer_check(const struct server *server, int fd, pid_t *ret_pid)
{
    struct ucred cred;
    socklen_t len = sizeof cred;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
        return -errno;
    if (cred.uid != server->uid) {
        log_warning("connection from uid %u refused", (unsigned)cred.uid);
        return -EPERM;
    }
    *ret_pid = cred.pid;
    return 0;
}

static void admit(struct server *server, int fd)
{
    struct conn *conn;
    pid_t pid;

    if (peer_check(server, fd, &pid) < 0 || server->n_conns >= SERVER_CONNS_MAX) {
        close(fd);
        return;
    }
    conn = conn_new(server->agent, fd, pid);
    if (conn == NULL)
        return;
    conn->next = server->conns;
    conn->link = &server->conns;
    if (conn->next != NULL)
        conn->next->link = &conn->next;
    server->conns = conn;
    server->n_conns++;
    conn_ready(conn, EPOLLIN); /* whoever connects to ask has mostly asked by now */
}

static int on_hearing(sd_event_source *source, uint64_t usec, void *user);

/*
 * The socket itself is the entry of ready_fd without a connection. Out of descriptors it is looked
 * at again when a client leaves, or after a while: helpers that end leave room too.
 */
static void watch_socket(struct server *server, bool on)
{
    struct epoll_event event = {.events = on ? EPOLLIN : 0};

    server->deaf = !on;
    if (epoll_ctl(server->ready_fd, EPOLL_CTL_MOD, server->fd, &event) < 0)
        log_error("listening: %s", strerror(errno));
    server->hearing = sd_event_source_disable_unref(server->hearing);
    if (!on)
        (void)sd_event_add_time_relative(server->agent->event, &server->hearing, CLOCK_BOOTTIME,
                                         DEAF_US, 1, on_hearing, server);
}

static int on_hearing(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    watch_socket(user, true);
    return 0;
}

static void on_connection(struct server *server)
{
    int fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        server->told = false;
        admit(server, fd);
    } else if (errno == EMFILE || errno == ENFILE) {
        /* Those connected go on, newcomers wait for room. */
        if (!server->told)
            log_error("too many open connections");
        server->told = true;
        watch_socket(server, false);
    }
}

int server_watch(struct server *server, struct conn *conn, int operation)
{
    struct epoll_event event = {.events = conn->watched, .data.ptr = conn};

    return epoll_ctl(server->ready_fd, operation, conn->fd, &event) < 0 ? -errno : 0;
}

/*
 * The clients that are ready, newcomers among them, a batch a turn: with a source each the loop
 * would look at the kernel again for every one. A connection is freed in its own conn_ready() only,
 * so none of a batch is freed by another of it.
 */
static int on_ready(sd_event_source *source, int fd, uint32_t revents, void *user)
{
    struct server *server = user;
    struct epoll_event events[CLIENTS_A_TURN];
    int n = epoll_wait(fd, events, CLIENTS_A_TURN, 0);

    (void)source;
    (void)revents;
    for (int i = 0; i < n; i++)
        if (events[i].data.ptr == NULL)
            on_connection(server);
        else
            conn_ready(events[i].data.ptr, events[i].events);
    return 0;
}

void server_forget(struct server *server, struct conn *conn)
{
    *conn->link = conn->next;
    if (conn->next != NULL)
        conn->next->link = conn->link;
    server->n_conns--;
    if (server->deaf)
        watch_socket(server, true);
}

void server_publish(struct server *server, enum event_kind kind, json_t *params)
{
    AUTO_JSON json_t *owned = params;
    AUTO_FREE char *text = NULL;
    char head[64];

    snprintf(head, sizeof head,
             "{\"jsonrpc\":\"2.0\",\"method\":\"event.%s\",\"params\":", event_names[kind]);
    if (server == NULL || (text = json_dumps(owned, JSON_COMPACT)) == NULL)
        return;
    const struct conn_part parts[] = {{head, strlen(head)}, {text, strlen(text)}, {"}", 1}};

    for (struct conn *conn = server->conns; conn != NULL; conn = conn->next)
        if ((conn->events & (1U << kind)) != 0)
            conn_send(conn, parts, 3);
}

/*
 * True when an agent answers there: its socket must not be taken away from it. A helper that was
 * being started when its agent was killed keeps the socket until its exec is done, and it still
 * takes connections: the one that counts is the process that called listen(), which unix(7) says
 * SO_PEERCRED names. 0 is a process of another PID namespace.
 */
static bool somebody_listens(const struct sockaddr_un *address)
{
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct ucred listener;
    socklen_t len = sizeof listener;

    if (fd < 0)
        return false;
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) < 0)
        return errno == EAGAIN;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &len) < 0 || listener.pid == 0 ||
           kill(listener.pid, 0) == 0 || errno != ESRCH;
}

static cps_error make_directory(const char *socket_path, struct fail *fail)
{
    char copy[PATH_MAX];
    const char *dir;
    struct stat st;

    snprintf(copy, sizeof copy, "%s", socket_path);
    dir = dirname(copy);
    if (mkdir(dir, 0700) < 0 && errno != EEXIST)
        return fail_set(fail, CPS_STORAGE, "%s: %s", dir, strerror(errno));
    if (stat(dir, &st) < 0 || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
        return fail_set(fail, CPS_STORAGE, "%s: must be ours alone, mode 0700", dir);
    return CPS_OK;
}

static cps_error bind_socket(struct server *server, const char *path, struct fail *fail)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t old;
    int r;

    if (strlen(path) >= sizeof address.sun_path)
        return fail_set(fail, CPS_CONFIGURATION, "socket path too long: %s", path);
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (make_directory(path, fail) != CPS_OK)
        return fail->code;
    if (somebody_listens(&address))
        return fail_set(fail, CPS_CONFIGURATION, "another agent listens on %s", path);
    unlink(path);
    server->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    old = umask(0177);
    r = server->fd < 0 ? -1 : bind(server->fd, (const struct sockaddr *)&address, sizeof address);
    umask(old);
    if (r < 0 || listen(server->fd, BACKLOG) < 0)
        return fail_set(fail, CPS_STORAGE, "%s: %s", path, strerror(errno));
    server->bound = true;
    return CPS_OK;
}

static cps_error open_socket(struct server *server, struct fail *fail)
{
    int passed = sd_listen_fds(1);

    if (passed > 1)
        return fail_set(fail, CPS_CONFIGURATION, "systemd passed %d sockets, one is wanted",
                        passed);
    if (passed < 1)
        return bind_socket(server, server->agent->options.socket_path, fail);
    server->fd = SD_LISTEN_FDS_START;
    if (sd_is_socket_unix(server->fd, SOCK_STREAM, 1, NULL, 0) <= 0 ||
        fcntl(server->fd, F_SETFL, O_NONBLOCK) < 0)
        return fail_set(fail, CPS_CONFIGURATION, "systemd passed another kind of socket");
    return CPS_OK;
}

/* A thousand clients are a thousand descriptors: the soft limit is often lower. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= SERVER_CONNS_MAX + 128)
        return;
    limit.rlim_cur =
        limit.rlim_max < SERVER_CONNS_MAX + 128 ? limit.rlim_max : SERVER_CONNS_MAX + 128;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("descriptor limit stays low: %s", strerror(errno));
}

struct server *server_new(struct agent *agent, struct fail *fail)
{
    struct server *server = calloc(1, sizeof *server);
    int r;

    if (server == NULL) {
        fail_set(fail, CPS_INTERNAL, "out of memory");
        return NULL;
    }
    server->agent = agent;
    server->fd = -1;
    server->uid = geteuid();
    server->ready_fd = epoll_create1(EPOLL_CLOEXEC);
    raise_descriptor_limit();
    if (open_socket(server, fail) != CPS_OK) {
        server_free(server);
        return NULL;
    }
    r = epoll_ctl(server->ready_fd, EPOLL_CTL_ADD, server->fd,
                  &(struct epoll_event){.events = EPOLLIN}) < 0
            ? -errno
            : sd_event_add_io(agent->event, &server->ready, server->ready_fd, EPOLLIN, on_ready,
                              server);
    if (r < 0) {
        fail_set(fail, CPS_INTERNAL, "listening: %s", strerror(-r));
        server_free(server);
        return NULL;
    }
    return server;
}

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    while (server->conns != NULL) {
        struct conn *conn = server->conns;

        server_forget(server, conn);
        conn_free(conn);
    }
    sd_event_source_disable_unref(server->ready);
    sd_event_source_disable_unref(server->hearing);
    if (server->ready_fd >= 0)
        close(server->ready_fd);
    if (server->bound)
        unlink(server->agent->options.socket_path);
    if (server->fd >= 0)
        close(server->fd);
    free(server);
}
