/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/prompt/browse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/util.h"

#define BROWSE_URL_MAX  8192
#define BROWSE_ARGS_MAX 16

/* A launcher that fails does so at once; a browser started in the foreground stays. */
#define BROWSE_WATCH_MS 3000

static const char placeholder[] = "{url}";

/* A browser must never be handed an option, a local file or a script. */
static bool is_web_page(const char *url)
{
    size_t len = strlen(url);

    if (len > BROWSE_URL_MAX)
        return false;
    if (strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0)
        return false;
    for (size_t i = 0; i < len; i++)
        if (url[i] <= ' ' || url[i] > '~')
            return false;
    return true;
}

struct arguments {
    char *list[BROWSE_ARGS_MAX + 1];
    bool has_url;
};

static void arguments_done(struct arguments *arguments)
{
    for (size_t i = 0; arguments->list[i] != NULL; i++)
        free(arguments->list[i]);
}

static bool add_argument(struct arguments *arguments, size_t i, const char *word, const char *url)
{
    const char *at = word != NULL ? strstr(word, placeholder) : NULL;

    if (word == NULL)
        return false;
    if (at == NULL)
        return (arguments->list[i] = strdup(word)) != NULL;
    arguments->has_url = true;
    if (asprintf(&arguments->list[i], "%.*s%s%s", (int)(at - word), word, url,
                 at + strlen(placeholder)) < 0) {
        arguments->list[i] = NULL;
        return false;
    }
    return true;
}

static bool fill_arguments(struct arguments *arguments, const json_t *command, const char *url)
{
    size_t n = json_array_size(command);

    if (n == 0 || n > BROWSE_ARGS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!add_argument(arguments, i, json_string_value(json_array_get(command, i)), url))
            return false;
    return arguments->has_url;
}

/* Its own session, default signals, nothing on its standard descriptors; the others are closed. */
static int start(char *const argv[], pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t all;
    int r;

    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    r = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    for (int fd = 1; r == 0 && fd <= 2; fd++)
        r = posix_spawn_file_actions_adddup2(&actions, 0, fd);
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&attr, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    if (r == 0)
        r = posix_spawnp(ret_pid, argv[0], &actions, &attr, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attr);
    return -r;
}

/* The exit status when the program ended within the time, 0 while it runs. */
static int watch(pid_t pid)
{
    AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    struct pollfd pfd = {.fd = pidfd, .events = POLLIN};
    int status = 0;

    if (pidfd < 0 || poll(&pfd, 1, BROWSE_WATCH_MS) <= 0)
        return 0;
    if (waitpid(pid, &status, WNOHANG) != pid)
        return 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

cps_error browse_open(const char *url, const json_t *command, struct fail *fail)
{
    CLEANUP(arguments_done) struct arguments arguments = {0};
    pid_t pid = 0;
    int r;

    if (!is_web_page(url))
        return fail_set(fail, CPS_PROMPT_UNAVAILABLE, "not the address of a web page");
    if (!fill_arguments(&arguments, command, url))
        return fail_set(fail, CPS_CONFIGURATION, "the browser command is not usable");
    r = start(arguments.list, &pid);
    if (r < 0)
        return fail_set(fail, CPS_PROMPT_UNAVAILABLE, "%s: %s", arguments.list[0], strerror(-r));
    r = watch(pid);
    if (r != 0)
        return fail_set(fail, CPS_PROMPT_UNAVAILABLE, "%s ended with status %d", arguments.list[0],
                        r);
    return CPS_OK;
}
