/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/process.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/child.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "base/worker.h"

#define ARGS_MAX 8

struct process {
    struct process *next;
    struct children *all;
    sd_event *event;
    sd_event_source *source;
    sd_event_source *grace;
    pid_t pid;
    void (*on_exit)(void *user); /* NULL: abandoned */
    void *user;
};

struct children {
    struct process *first;
};

struct children *children_new(void)
{
    return calloc(1, sizeof(struct children));
}

static void process_unlink(struct process *process)
{
    for (struct process **at = &process->all->first; *at != NULL; at = &(*at)->next)
        if (*at == process) {
            *at = process->next;
            break;
        }
    sd_event_source_disable_unref(process->source);
    sd_event_source_disable_unref(process->grace);
    free(process);
}

void children_free(struct children *children)
{
    if (children == NULL)
        return;
    while (children->first != NULL) {
        kill(children->first->pid, SIGKILL);
        process_unlink(children->first);
    }
    free(children);
}

static int on_process(sd_event_source *source, const siginfo_t *info, void *user)
{
    struct process *process = user;
    void (*on_exit)(void *user) = process->on_exit;
    void *owner = process->user;

    (void)source;
    log_debug("process %d ended (code %d, status %d)", (int)process->pid, info->si_code,
              info->si_status);
    process_unlink(process);
    if (on_exit != NULL)
        on_exit(owner);
    return 0;
}

static int spawn(const char *path, char *const argv[], int channel, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int r;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    r = posix_spawn_file_actions_adddup2(&actions, channel, WORKER_CHANNEL_FD);
    if (r == 0)
        r = posix_spawnattr_setsigmask(&attr, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&attr, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (r == 0)
        r = posix_spawn(ret_pid, path, &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return -r;
}

/*
 * A process that dies under a tracer is said to have ended before its parent may know how, and
 * sd-event would not look again: it is watched anew, as what stays on.
 */
static int watch(struct process *process)
{
    int r = sd_event_add_child(process->event, &process->source, process->pid, WEXITED, on_process,
                               process);

    if (r >= 0)
        r = sd_event_source_set_enabled(process->source, SD_EVENT_OFF);
    if (r >= 0)
        r = sd_event_source_set_enabled(process->source, SD_EVENT_ON);
    return r;
}

int process_start(struct agent *agent, const char *program, const char *const *args, int channel,
                  void (*on_exit)(void *user), void *user, struct process **ret_process)
{
    AUTO_FREE struct process *process = calloc(1, sizeof *process);
    char path[PATH_MAX];
    char *argv[ARGS_MAX + 2] = {path};
    int r;

    if (process == NULL)
        return -ENOMEM;
    if (snprintf(path, sizeof path, "%s/%s", agent->options.libexec_dir, program) >= PATH_MAX)
        return -ENAMETOOLONG;
    for (size_t i = 0; args != NULL && args[i] != NULL && i < ARGS_MAX; i++)
        argv[i + 1] = (char *)(uintptr_t)args[i]; /* posix_spawn does not write to it */
    r = spawn(path, argv, channel, &process->pid);
    if (r < 0)
        return r;
    process->all = agent->children;
    process->event = agent->event;
    process->on_exit = on_exit;
    process->user = user;
    r = watch(process);
    if (r < 0) {
        kill(process->pid, SIGKILL);
        sd_event_source_disable_unref(process->source);
        return r;
    }
    process->next = process->all->first;
    process->all->first = process;
    *ret_process = TAKE_PTR(process);
    return 0;
}

void process_kill(struct process *process)
{
    sd_event_source_send_child_signal(process->source, SIGKILL, NULL, 0);
}

bool process_await(const struct process *process, int timeout_ms)
{
    struct pollfd pfd = {.fd = sd_event_source_get_child_pidfd(process->source), .events = POLLIN};
    int64_t deadline_ms = clock_boot_ms() + timeout_ms;
    int r;

    do
        r = poll(&pfd, 1, clock_left_ms(deadline_ms));
    while (r < 0 && errno == EINTR);
    return r > 0;
}

static int on_grace_over(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    process_kill(user);
    return 0;
}

void process_abandon(struct process *process)
{
    process->on_exit = NULL;
    if (sd_event_add_time_relative(process->event, &process->grace, CLOCK_BOOTTIME,
                                   (uint64_t)PROCESS_GRACE_MS * 1000, 1000, on_grace_over,
                                   process) < 0)
        process_kill(process);
}
