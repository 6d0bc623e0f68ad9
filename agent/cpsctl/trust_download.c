/* SPDX-License-Identifier: Apache-2.0 */
/* The network is cps-oidcd's: one of its processes is started for the time of a download. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "agent/cpsctl/trust_cmd.h"
#include "agent/trust/bundle.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/packet.h"
#include "base/proto.h"
#include "base/util.h"
#include "base/worker.h"

#define DOWNLOAD_TIMEOUT_S 30

static int start(const struct trust_cmd *cmd, int channel, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    char path[PATH_MAX];
    char option[] = "--config";
    char *argv[] = {path, option, (char *)(uintptr_t)cmd->config, NULL};
    int r;

    if (snprintf(path, sizeof path, "%s/" PROTO_OIDCD, cmd->libexec) >= PATH_MAX)
        return -ENAMETOOLONG;
    posix_spawn_file_actions_init(&actions);
    r = posix_spawn_file_actions_adddup2(&actions, channel, WORKER_CHANNEL_FD);
    if (r == 0) /* what it has to say comes in its answer */
        r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn(ret_pid, path, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

/* The next packet of oidcd, NULL at the deadline or when it is gone. */
static json_t *next(int channel, int64_t deadline_ms)
{
    struct pollfd wait = {.fd = channel, .events = POLLIN};
    AUTO_CLOSE int passed = -1;
    json_t *packet = NULL;
    int r;

    do
        r = poll(&wait, 1, clock_left_ms(deadline_ms));
    while (r < 0 && errno == EINTR);
    return r == 1 && packet_recv(channel, &packet, &passed) == 1 ? packet : NULL;
}

static cps_error ask(int channel, const char *url, const json_t *options, int file,
                     int64_t deadline_ms, struct fail *fail)
{
    AUTO_JSON json_t *hello = next(channel, deadline_ms);
    AUTO_JSON json_t *answer = NULL;
    AUTO_JSON json_t *packet =
        json_pack("{s:i, s:s, s:I, s:{s:s, s:s, s:s*}}", "id", 1, "op", "fetch", "deadline",
                  (json_int_t)deadline_ms, "params", "url", url, "kind", "authorities", "proxy",
                  json_get_string(options, "proxy"));
    const json_t *error;

    if (hello == NULL || packet_send(channel, packet, file) < 0 ||
        (answer = next(channel, deadline_ms + 1000)) == NULL)
        return fail_set(fail, CPS_COMPONENT_FAILED, "%s does not answer", PROTO_OIDCD);
    error = json_get_object(answer, "error");
    if (error == NULL)
        return CPS_OK;
    fail_from_json(fail, error);
    if (fail->code == CPS_DEADLINE_EXCEEDED)
        fail_reason(fail, CPS_DOWNLOAD_FAILED, "timeout", "no answer in time");
    return fail_add(fail, "%s", url);
}

static cps_error read_back(int file, char **ret_data, size_t *ret_len, struct fail *fail)
{
    off_t size = lseek(file, 0, SEEK_END);
    AUTO_FREE char *data = NULL;

    if (size <= 0 || size > BUNDLE_MAX)
        return fail_reason(fail, CPS_DOWNLOAD_FAILED, "too_large", "%lld bytes", (long long)size);
    data = malloc((size_t)size);
    if (data == NULL || pread(file, data, (size_t)size, 0) != size)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    *ret_data = TAKE_PTR(data);
    *ret_len = (size_t)size;
    return CPS_OK;
}

cps_error trust_download(const struct trust_cmd *cmd, const char *url, char **ret_data,
                         size_t *ret_len, struct fail *fail)
{
    int64_t timeout_s = json_get_int(cmd->options, "timeout", DOWNLOAD_TIMEOUT_S);
    AUTO_CLOSE int file = memfd_create("authorities", MFD_CLOEXEC);
    AUTO_CLOSE int ours = -1;
    AUTO_CLOSE int theirs = -1;
    int pair[2];
    pid_t pid = -1;
    cps_error error;
    int r =
        file < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ? -errno : 0;

    if (r == 0) {
        ours = pair[0];
        theirs = pair[1];
        r = start(cmd, theirs, &pid);
        close(TAKE_FD(theirs));
    }
    if (r < 0)
        return fail_set(fail, CPS_COMPONENT_FAILED, "%s/%s: %s", cmd->libexec, PROTO_OIDCD,
                        strerror(-r));
    error = ask(ours, url, cmd->options, file, clock_boot_ms() + timeout_s * 1000, fail);
    (void)kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return error != CPS_OK ? error : read_back(file, ret_data, ret_len, fail);
}
