/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/calls.h"
#include "agent/last_answers.h"
#include "agent/process.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/packet.h"
#include "base/util.h"
#include "base/worker.h"

#define CALLS_MAX 256

/* A deadline that is noticed so late: this process did not run, nor may the child have. Once it
 * runs again it has so long to answer. */
#define NOTICED_LATE_MS 20
#define OTHER_CHANCE_MS 1000

struct child {
    struct agent *agent;
    const struct child_class *class;
    void *user;
    struct process *process;
    int channel;
    sd_event_source *io;
    bool greeted;
    bool dying;  /* killed: its exit will fail the calls that remain */
    bool in_use; /* its owners are told of one thing after the other … */
    bool freed;  /* … and one of them has freed it meanwhile */
    int64_t next_id;
    struct calls calls;
};

static void send_queued(struct child *child);

/*
 * Ends a call: it is off the list and the next one is on its way before its owner hears of it, so
 * the owner may do anything, freeing the child included.
 */
static void finish(struct call *call, json_t *result, const struct fail *fail)
{
    call_done done = call->done;
    void *user = call->user;
    struct child *child = call->child;

    calls_drop(&child->calls, call);
    send_queued(child);
    if (done != NULL)
        done(user, result, fail);
}

bool call_forget(struct call *call)
{
    if (call == NULL)
        return false;
    if (!call->sent) {
        calls_drop(&call->child->calls, call);
        return false;
    }
    call->done = NULL;
    call->progress = NULL;
    return true;
}

bool call_hand_over(struct call *call, call_done done, void *user)
{
    if (!call_forget(call))
        return false;
    call->done = done;
    call->user = user;
    return true;
}

int64_t call_id(const struct call *call)
{
    return call->id;
}

/*
 * The process ends by SIGKILL; on_process_exit does the rest, from the event loop. Nothing that it
 * said and that was not read yet counts any more.
 */
void child_kill(struct child *child, const char *why)
{
    if (child->dying)
        return;
    log_warning("%s: %s, killed", child->class->program, why);
    child->dying = true;
    sd_event_source_set_enabled(child->io, SD_EVENT_OFF);
    process_kill(child->process);
}

/*
 * A machine that slept, or stood still, is past many deadlines when it goes on: a child that did
 * not run keeps what it holds, such as the tokens of a session. Who waits has deadlines of their
 * own.
 */
static bool spare(struct call *call, int64_t due_ms)
{
    if (call->spared || clock_boot_ms() - due_ms < NOTICED_LATE_MS)
        return false;
    call->spared =
        sd_event_source_set_time_relative(call->timer, (uint64_t)OTHER_CHANCE_MS * 1000) >= 0 &&
        sd_event_source_set_enabled(call->timer, SD_EVENT_ONESHOT) >= 0;
    return call->spared;
}

static int on_call_timeout(sd_event_source *source, uint64_t usec, void *user)
{
    struct call *call = user;
    struct child *child = call->child;
    struct fail fail;

    (void)source;
    if (spare(call, (int64_t)usec / 1000))
        return 0;
    fail_set(&fail, CPS_DEADLINE_EXCEEDED, "%s did not answer \"%s\"", child->class->program,
             call->op);
    child_kill(child, "no answer in time");
    finish(call, NULL, &fail);
    return 0;
}

static int send_request(struct child *child, const struct call *call)
{
    AUTO_JSON json_t *packet =
        json_pack("{s:I, s:s, s:I, s:O}", "id", (json_int_t)call->id, "op", call->op, "deadline",
                  (json_int_t)(clock_boot_ms() + call->timeout_ms), "params", call->params);

    return packet_send(child->channel, packet, call->fd);
}

static void send_call(struct call *call)
{
    struct child *child = call->child;
    int r = send_request(child, call);

    if (r < 0)
        child_kill(child, strerror(-r));
    calls_sent(&child->calls, call);
    json_decref(call->params);
    call->params = NULL;
    if (call->fd >= 0)
        close(TAKE_FD(call->fd));
    r = sd_event_add_time_relative(child->agent->event, &call->timer, CLOCK_BOOTTIME,
                                   (uint64_t)call->timeout_ms * 1000, 1000, on_call_timeout, call);
    if (r < 0)
        child_kill(child, strerror(-r));
}

static void send_queued(struct child *child)
{
    struct call *call = child->calls.first;

    while (call != NULL && child->calls.n_sent < child->class->in_flight && !child->dying) {
        if (!call->sent)
            send_call(call);
        call = call->next;
    }
}

/* One packet about a call. False: the child broke the protocol. */
static bool on_answer(struct child *child, json_t *packet)
{
    struct call *call = calls_find(&child->calls, json_get_int(packet, "id", -1));
    json_t *result = json_get_object(packet, "result");
    json_t *error = json_get_object(packet, "error");
    json_t *progress = json_get_object(packet, "progress");
    struct fail fail;

    if (call == NULL || (result == NULL) + (error == NULL) + (progress == NULL) != 2)
        return false;
    if (progress != NULL) {
        if (call->progress != NULL)
            call->progress(call->user, progress);
        return true;
    }
    if (error != NULL)
        fail_from_json(&fail, error);
    finish(call, result, error != NULL ? &fail : NULL);
    return true;
}

static bool on_packet(struct child *child, json_t *packet)
{
    const char *event = json_get_string(packet, "event");

    if (!child->greeted) {
        child->greeted = event != NULL && strcmp(event, "hello") == 0 &&
                         json_get_int(packet, "protocol", 0) == WORKER_PROTOCOL;
        return child->greeted;
    }
    if (event == NULL)
        return on_answer(child, packet);
    if (child->class->on_event != NULL)
        child->class->on_event(child->user, event, packet);
    return true;
}

/* True: a packet was read and is dealt with; the owner may have freed the child. */
static bool read_packet(struct child *child)
{
    AUTO_JSON json_t *packet = NULL;
    AUTO_CLOSE int passed = -1;
    int r = packet_recv(child->channel, &packet, &passed);

    if (r == -EAGAIN)
        return false;
    if (r == 1 && passed < 0) {
        if (on_packet(child, packet))
            return true;
        child_kill(child, "packet out of protocol");
        return false;
    }
    child_kill(child, r == 0 ? "channel closed" : "broken packet");
    return false;
}

/* One packet a turn of the loop: clients are served between two packets of a busy child. */
static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *user)
{
    (void)source;
    (void)fd;
    (void)revents;
    (void)read_packet(user);
    return 0;
}

static void destroy(struct child *child)
{
    if (child->process != NULL)
        process_abandon(child->process);
    calls_clear(&child->calls);
    sd_event_source_disable_unref(child->io);
    if (child->channel >= 0)
        close(child->channel);
    free(child);
}

void child_free(struct child *child)
{
    if (child == NULL)
        return;
    if (child->in_use)
        child->freed = true;
    else
        destroy(child);
}

static void fail_calls(struct child *child, const struct fail *fail)
{
    while (child->calls.first != NULL && !child->freed)
        finish(child->calls.first, NULL, fail);
}

void child_end(struct child *child, const struct fail *fail)
{
    bool in_use;

    if (child == NULL)
        return;
    in_use = child->in_use;
    child->dying = true;
    child->in_use = true;
    fail_calls(child, fail);
    child->in_use = in_use;
    child_free(child);
}

void child_post(struct child *child, const char *op, json_t *params, int pass_fd)
{
    AUTO_FREE char *name = strdup(op);
    AUTO_JSON json_t *given = params;
    struct call call = {.id = child->next_id++, .op = name, .params = given, .fd = pass_fd};
    int r = send_request(child, &call);

    if (r < 0)
        log_warning("%s: %s", child->class->program, strerror(-r));
}

bool child_finish(struct child *child, int timeout_ms)
{
    bool ended;

    if (child == NULL)
        return true;
    child->io = sd_event_source_disable_unref(child->io);
    (void)shutdown(child->channel, SHUT_WR); /* it reads what it was sent, then the end */
    ended = child->process == NULL || process_await(child->process, timeout_ms);
    last_answers_log(child->channel, child->class->program);
    child_free(child);
    return ended;
}

/* What it said before it ended comes first, unless it was killed. */
static void on_process_exit(void *user)
{
    struct child *child = user;
    bool killed = child->dying;
    struct fail fail;

    if (!killed)
        log_warning("%s: ended by itself", child->class->program);
    child->process = NULL;
    child->dying = true;
    child->in_use = true;
    while (!killed && !child->freed && read_packet(child))
        continue;
    fail_set(&fail, CPS_COMPONENT_FAILED, "%s stopped", child->class->program);
    fail_calls(child, &fail);
    child->in_use = false;
    if (child->freed)
        destroy(child);
    else
        child->class->on_exit(child->user);
}

struct child *child_start(struct agent *agent, const struct child_class *class, void *user,
                          struct fail *fail)
{
    struct child *child = calloc(1, sizeof *child);
    AUTO_CLOSE int theirs = -1;
    int pair[2];
    int r;

    if (child == NULL) {
        fail_set(fail, CPS_INTERNAL, "out of memory");
        return NULL;
    }
    child->agent = agent;
    child->class = class;
    child->user = user;
    child->channel = -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        r = -errno;
    } else {
        child->channel = pair[0];
        theirs = pair[1];
        r = fcntl(child->channel, F_SETFL, O_NONBLOCK);
    }
    if (r >= 0)
        r = sd_event_add_io(agent->event, &child->io, child->channel, EPOLLIN, on_channel, child);
    if (r >= 0)
        r = process_start(agent, class->program, class->args, theirs, on_process_exit, child,
                          &child->process);
    if (r < 0) {
        fail_set(fail, CPS_COMPONENT_FAILED, "%s: %s", class->program, strerror(-r));
        child_free(child);
        return NULL;
    }
    return child;
}

static int on_refused(sd_event_source *source, uint64_t usec, void *user)
{
    struct call *call = user;
    struct fail fail;

    (void)source;
    (void)usec;
    fail_set(&fail, CPS_TOO_MANY_REQUESTS, "%s has too many requests", call->child->class->program);
    finish(call, NULL, &fail);
    return 0;
}

struct call *child_call(struct child *child, const char *op, json_t *params, int pass_fd,
                        int64_t timeout_ms, call_done done, call_progress progress, void *user)
{
    struct call *call = calloc(1, sizeof *call);

    if (call == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *call = (struct call){.child = child,
                          .id = child->next_id++,
                          .timeout_ms = timeout_ms,
                          .op = strdup(op),
                          .params = params,
                          .fd = pass_fd >= 0 ? fcntl(pass_fd, F_DUPFD_CLOEXEC, 0) : -1,
                          .done = done,
                          .progress = progress,
                          .user = user};
    calls_append(&child->calls, call);
    if (child->calls.n > CALLS_MAX) {
        calls_sent(&child->calls, call); /* so the queue leaves it alone until it is refused */
        sd_event_add_time_relative(child->agent->event, &call->timer, CLOCK_BOOTTIME, 0, 1,
                                   on_refused, call);
        return call;
    }
    send_queued(child);
    return call;
}
