/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times the start of programs, N times, and prints {"us": [...]}.
 *   bench-launch N -- PROGRAM ARG...                    until it has ended, well
 *   bench-launch N SOCKET REQUEST line|ssh -- PROGRAM…  until it has answered on its socket; it is
 *                                                       then ended by SIGTERM
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/clocks.h"
#include "tests/bench/stream.h"

#define START_TIMEOUT_MS 5000

struct server {
    const char *socket_path; /* NULL: the program answers nothing, it ends */
    struct script request;
    enum framing framing;
};

static pid_t start(char **argv)
{
    posix_spawn_file_actions_t actions;
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    errno = posix_spawn(&pid, argv[0], &actions, NULL, argv, environ);
    if (errno != 0)
        err(EXIT_FAILURE, "%s", argv[0]);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int watch_directory(const char *socket_path)
{
    char copy[PATH_MAX];
    int fd = inotify_init1(IN_CLOEXEC);

    snprintf(copy, sizeof copy, "%s", socket_path);
    if (fd < 0 || inotify_add_watch(fd, dirname(copy), IN_CREATE | IN_ATTRIB) < 0)
        err(EXIT_FAILURE, "%s", copy);
    return fd;
}

/* Until it listens: the socket file appears a moment before, hence the second look. */
static void connect_when_ready(const struct server *server, int inotify, struct stream *stream)
{
    struct pollfd change = {.fd = inotify, .events = POLLIN};
    char events[4096];

    while (!stream_try_connect(stream, server->socket_path, server->framing)) {
        if (access(server->socket_path, F_OK) == 0)
            continue;
        if (poll(&change, 1, START_TIMEOUT_MS) != 1)
            errx(EXIT_FAILURE, "the program does not listen at %s", server->socket_path);
        if (read(inotify, events, sizeof events) < 0)
            err(EXIT_FAILURE, "inotify");
    }
}

static void wait_for_answer(const struct server *server, int inotify)
{
    struct stream stream;

    connect_when_ready(server, inotify, &stream);
    stream_play(&stream, &server->request);
    stream_close(&stream);
}

static void reap(pid_t pid, bool must_be_well)
{
    int status;

    if (waitpid(pid, &status, 0) != pid)
        err(EXIT_FAILURE, "waitpid");
    if (must_be_well && (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS))
        errx(EXIT_FAILURE, "the program failed, status %x", (unsigned)status);
}

static int64_t time_one(const struct server *server, char **argv)
{
    int inotify = server->socket_path != NULL ? watch_directory(server->socket_path) : -1;
    int64_t begin = clocks_now_ns();
    pid_t pid = start(argv);

    if (server->socket_path == NULL) {
        reap(pid, true);
        return clocks_now_ns() - begin;
    }
    wait_for_answer(server, inotify);
    begin = clocks_now_ns() - begin;
    close(inotify);
    kill(pid, SIGTERM);
    reap(pid, false);
    unlink(server->socket_path);
    return begin;
}

int main(int argc, char **argv)
{
    struct server server = {0};
    char **program = argv + 2;
    unsigned long rounds = argc > 3 ? strtoul(argv[1], NULL, 10) : 0;

    if (argc > 6 && strcmp(argv[5], "--") == 0) {
        server.framing = strcmp(argv[4], "ssh") == 0 ? FRAMING_SSH : FRAMING_LINE;
        server.socket_path = argv[2];
        script_load(&server.request, argv[3], server.framing);
        program = argv + 5;
    }
    if (rounds == 0 || strcmp(*program, "--") != 0)
        errx(2, "usage: bench-launch N [SOCKET REQUEST line|ssh] -- PROGRAM [ARG...]");
    printf("{\"us\": [");
    for (unsigned long i = 0; i < rounds; i++)
        printf("%s%.1f", i > 0 ? ", " : "", clocks_us(time_one(&server, program + 1)));
    printf("]}\n");
    return EXIT_SUCCESS;
}
