/* SPDX-License-Identifier: Apache-2.0 */
#include "base/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/confine.h"
#include "base/json.h"
#include "base/log.h"
#include "base/packet.h"
#include "base/util.h"

void worker_request_done(struct worker_request *request)
{
    json_decref(request->json);
    if (request->fd >= 0)
        close(request->fd);
    *request = (struct worker_request)WORKER_REQUEST_INIT;
}

static _Noreturn void die(const char *why)
{
    log_error("%s", why);
    exit(EXIT_FAILURE);
}

/* Steals message. The agent is gone when it cannot be sent: nothing is left to do. */
static void say(json_t *message)
{
    AUTO_JSON json_t *owned = message;
    struct pollfd channel = {.fd = WORKER_CHANNEL_FD, .events = POLLOUT};
    int r;

    /* A full channel (when it is non-blocking) means a stopped agent: its children wait for it. */
    while ((r = packet_send(WORKER_CHANNEL_FD, owned, -1)) == -EAGAIN)
        (void)poll(&channel, 1, -1);
    if (r == -EPIPE || r == -ECONNRESET)
        exit(EXIT_SUCCESS);
    if (r < 0) {
        log_error("cannot write to the agent: %s", strerror(-r));
        exit(EXIT_FAILURE);
    }
}

void worker_init(const char *process, unsigned rights)
{
    log_init(process, getenv("CPS_DEBUG") != NULL ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    (void)signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)fcntl(WORKER_CHANNEL_FD, F_SETFD, FD_CLOEXEC);
    close_range(WORKER_CHANNEL_FD + 1, ~0U, 0);
    confine_self(rights);
    worker_event("hello", json_pack("{s:i, s:s}", "protocol", WORKER_PROTOCOL, "process", process));
}

void worker_ends_with_agent(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

int worker_next(struct worker_request *ret_request)
{
    AUTO_REQUEST struct worker_request request = WORKER_REQUEST_INIT;
    int r = packet_recv(WORKER_CHANNEL_FD, &request.json, &request.fd);

    if (r == -EAGAIN)
        return 0;
    if (r == 0 || r == -ECONNRESET)
        exit(EXIT_SUCCESS);
    if (r < 0)
        die("broken channel to the agent");
    request.id = json_get_int(request.json, "id", -1);
    request.op = json_get_string(request.json, "op");
    request.params = json_get_object(request.json, "params");
    request.deadline_ms = json_get_int(request.json, "deadline", CLOCK_NEVER);
    if (request.id < 0 || request.op == NULL || request.params == NULL)
        die("malformed request from the agent");
    *ret_request = request;
    request = (struct worker_request)WORKER_REQUEST_INIT;
    return 1;
}

void worker_reply(int64_t id, json_t *result)
{
    say(json_pack("{s:I, s:o}", "id", (json_int_t)id, "result", result));
}

void worker_fail(int64_t id, const struct fail *fail)
{
    say(json_pack("{s:I, s:o}", "id", (json_int_t)id, "error", fail_to_json(fail)));
}

void worker_progress(int64_t id, json_t *progress)
{
    say(json_pack("{s:I, s:o}", "id", (json_int_t)id, "progress", progress));
}

void worker_event(const char *name, json_t *members)
{
    json_t *event = members != NULL ? members : json_object();

    json_object_set_new(event, "event", json_string(name));
    say(event);
}
