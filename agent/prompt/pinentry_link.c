/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt/pinentry_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/prompt/memory.h"
#include "base/clock.h"
#include "base/util.h"

/* How long a pinentry that was told goodbye may take to clean up its screen. */
#define GOODBYE_MS 300

/* libassuan would wait for ever: every read waits for the deadline and the channel too. */
static ssize_t read_in_time(assuan_context_t assuan, assuan_fd_t fd, void *buffer, size_t size)
{
    struct pinentry_link *link = assuan_get_pointer(assuan);
    struct pollfd pfds[] = {{.fd = fd, .events = POLLIN}, {.fd = link->channel}};
    int r;

    do
        r = poll(pfds, 2, clock_left_ms(link->deadline_ms));
    while (r < 0 && errno == EINTR);
    if (r == 0) {
        link->state = LINK_LATE;
        errno = ETIMEDOUT;
        return -1;
    }
    if (pfds[1].revents != 0) {
        link->state = LINK_HUNG_UP;
        errno = ECANCELED;
        return -1;
    }
    return __assuan_read(assuan, fd, buffer, size);
}

static struct assuan_system_hooks hooks = {
    .version = ASSUAN_SYSTEM_HOOKS_VERSION,
    .usleep = __assuan_usleep,
    .pipe = __assuan_pipe,
    .close = __assuan_close,
    .read = read_in_time,
    .write = __assuan_write,
    .recvmsg = __assuan_recvmsg,
    .sendmsg = __assuan_sendmsg,
    .spawn = __assuan_spawn,
    .waitpid = __assuan_waitpid,
    .socketpair = __assuan_socketpair,
    .socket = __assuan_socket,
    .connect = __assuan_connect,
};

/* libassuan may be told by its environment to log what it reads: the PIN must not be in there. */
static int log_nothing(assuan_context_t assuan, void *hook, unsigned category, const char *text)
{
    (void)assuan;
    (void)hook;
    (void)category;
    (void)text;
    return 0;
}

/*
 * In the child, before exec. Its own session: a terminal it opens by name then has no job control
 * over it, and what it starts itself can be killed with it.
 */
static void prepare_child(void *user, int reserved)
{
    const pid_t *parent = user;

    (void)reserved;
    (void)setsid();
    (void)signal(SIGPIPE, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != *parent) /* it died before the line above */
        _exit(1);
}

static void end_process(pid_t pid, int patience_ms)
{
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd pfd = {.fd = pidfd, .events = POLLIN};
    int r = 0;

    if (pidfd >= 0 && patience_ms > 0)
        r = poll(&pfd, 1, patience_ms);
    if (r <= 0)
        (void)kill(pid, SIGKILL);
    (void)kill(-pid, SIGKILL); /* what it left behind in its session */
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

gpg_error_t link_open(struct pinentry_link *link, const char *path)
{
    struct assuan_malloc_hooks memory = {memory_alloc, memory_resize, memory_release};
    assuan_fd_t inherited[] = {ASSUAN_INVALID_FD};
    const char *argv[] = {path, NULL};
    pid_t self = getpid();
    gpg_error_t error;

    error = assuan_new_ext(&link->assuan, GPG_ERR_SOURCE_USER_1, &memory, log_nothing, NULL);
    if (error != 0)
        return error;
    link->state = LINK_OPEN;
    assuan_set_pointer(link->assuan, link);
    assuan_ctx_set_system_hooks(link->assuan, &hooks);
    assuan_set_flag(link->assuan, ASSUAN_NO_WAITPID, 1);
    assuan_set_flag(link->assuan, ASSUAN_CONFIDENTIAL, 1);
    error = assuan_pipe_connect(link->assuan, path, argv, inherited, prepare_child, &self, 0);
    if (error != 0)
        link_close(link);
    return error;
}

void link_close(struct pinentry_link *link)
{
    pid_t pid = assuan_get_pid(link->assuan);

    if (pid > 0 && link->state != LINK_OPEN)
        end_process(pid, 0);
    assuan_release(link->assuan);
    if (pid > 0 && link->state == LINK_OPEN)
        end_process(pid, GOODBYE_MS);
    link->assuan = NULL;
}
