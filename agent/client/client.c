/* SPDX-License-Identifier: Apache-2.0 */
#include <cps/agent.h>

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/line.h"
#include "base/util.h"

/* How much later than asked the agent's own answer may come before the wait is given up. */
#define GRACE_MS 1000

/* How long the agent is given to confirm a cancellation. */
#define CANCEL_MS 2000

#define TICK_MS 1000

struct cps_agent {
    int fd;
    int cancel_fd;
    bool lost; /* the stream ended or made no sense: nothing more can be read */
    json_int_t last_id;
    struct line_reader reader;
    cps_agent_notify notify;
    void *notify_user;
    cps_agent_tick tick;
    void *tick_user;
    char *failure; /* NULL: none yet, or no memory to keep it */
};

/* Wrong timeouts are brought into range rather than refused: a call is never unbounded. */
static int bounded(int timeout_ms)
{
    if (timeout_ms < 1)
        return 1;
    return timeout_ms < CPS_AGENT_TIMEOUT_MAX_MS ? timeout_ms : CPS_AGENT_TIMEOUT_MAX_MS;
}

static void keep_failure(cps_agent *agent, const json_t *data)
{
    free(agent->failure);
    agent->failure = json_dumps(data, JSON_COMPACT);
}

/* An error found on this side, in the shape of those that the agent sends. */
__attribute__((format(printf, 3, 4))) static cps_error fail_here(cps_agent *agent, cps_error error,
                                                                 const char *format, ...)
{
    const cps_error_text *text = cps_error_get_text(error);
    AUTO_JSON json_t *data = NULL;
    char cause[160];
    va_list ap;

    va_start(ap, format);
    vsnprintf(cause, sizeof cause, format, ap);
    va_end(ap);
    data = json_pack("{s:s, s:s, s:s, s:s, s:s, s:[s]}", "name", cps_error_name(error),
                     "message_fr", text->message_fr, "message_en", text->message_en, "advice_fr",
                     text->advice_fr, "advice_en", text->advice_en, "causes", cause);
    keep_failure(agent, data);
    return error;
}

static cps_error lose(cps_agent *agent, const char *why)
{
    agent->lost = true;
    return fail_here(agent, CPS_AGENT_UNAVAILABLE, "%s", why);
}

static int default_path(char *path, size_t size)
{
    const char *override = getenv("CPS_AGENT_SOCK");
    const char *runtime = getenv("XDG_RUNTIME_DIR");

    if (override != NULL && override[0] != '\0')
        return snprintf(path, size, "%s", override);
    if (runtime != NULL && runtime[0] != '\0')
        return snprintf(path, size, "%s/cps-agent/agent.sock", runtime);
    return snprintf(path, size, "/run/user/%u/cps-agent/agent.sock", getuid());
}

/* A send timeout also bounds connect on a Unix socket whose queue is full. */
static int open_socket(const struct sockaddr_un *address, int timeout_ms)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r;

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return -errno;
    do
        r = connect(fd, (const struct sockaddr *)address, sizeof *address);
    while (r < 0 && errno == EINTR);
    if (r < 0)
        return -errno;
    return TAKE_FD(fd);
}

cps_error cps_agent_connect(const char *socket_path, int timeout_ms, cps_agent **ret_agent)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    AUTO_FREE cps_agent *agent = NULL;
    int len;

    if (socket_path != NULL)
        len = snprintf(address.sun_path, sizeof address.sun_path, "%s", socket_path);
    else
        len = default_path(address.sun_path, sizeof address.sun_path);
    if (len <= 0 || (size_t)len >= sizeof address.sun_path)
        return CPS_INVALID_PARAMS;
    agent = calloc(1, sizeof *agent);
    if (agent == NULL)
        return CPS_INTERNAL;
    agent->fd = open_socket(&address, bounded(timeout_ms));
    if (agent->fd < 0)
        return CPS_AGENT_UNAVAILABLE;
    agent->cancel_fd = -1;
    *ret_agent = TAKE_PTR(agent);
    return CPS_OK;
}

void cps_agent_free(cps_agent *agent)
{
    if (agent == NULL)
        return;
    close(agent->fd);
    line_reader_done(&agent->reader);
    free(agent->failure);
    free(agent);
}

const char *cps_agent_failure(const cps_agent *agent)
{
    return agent->failure != NULL ? agent->failure : "{}";
}

void cps_agent_on_notification(cps_agent *agent, cps_agent_notify notify, void *user)
{
    agent->notify = notify;
    agent->notify_user = user;
}

void cps_agent_on_tick(cps_agent *agent, cps_agent_tick tick, void *user)
{
    agent->tick = tick;
    agent->tick_user = user;
}

void cps_agent_set_cancel_fd(cps_agent *agent, int fd)
{
    agent->cancel_fd = fd;
}

int cps_agent_fd(const cps_agent *agent)
{
    return agent->fd;
}

static void notify(cps_agent *agent, const json_t *message)
{
    const char *method = json_get_string(message, "method");
    AUTO_FREE char *params = json_dumps(json_object_get(message, "params"), JSON_COMPACT);

    if (agent->notify != NULL && method != NULL && params != NULL)
        agent->notify(agent->notify_user, method, params);
}

/* Steals params. */
static cps_error send_request(cps_agent *agent, json_int_t id, const char *method, json_t *params,
                              int64_t deadline_ms)
{
    AUTO_JSON json_t *message = json_pack("{s:s, s:I, s:s, s:o}", "jsonrpc", "2.0", "id", id,
                                          "method", method, "params", params);
    AUTO_FREE char *text = json_dumps(message, JSON_COMPACT);
    size_t len;
    int r;

    if (text == NULL)
        return fail_here(agent, CPS_INVALID_PARAMS, "the request cannot be written as JSON");
    len = strlen(text);
    text[len] = '\n'; /* the end of the line takes the place of the NUL */
    r = line_send(agent->fd, text, len + 1, deadline_ms);
    if (r < 0)
        return lose(agent, strerror(-r));
    return CPS_OK;
}

/* The message is an answer: its result, or the failure it tells. */
static cps_error take_answer(cps_agent *agent, const json_t *message, char **ret_result)
{
    const json_t *error = json_get_object(message, "error");
    const json_t *data = json_get_object(error, "data");
    char *result;

    if (error != NULL && data == NULL)
        return fail_here(agent, CPS_INTERNAL, "an error without details");
    if (error != NULL) {
        cps_error code = cps_error_from_name(json_get_string(data, "name"));

        keep_failure(agent, data);
        return code != CPS_OK ? code : CPS_INTERNAL;
    }
    if (ret_result == NULL)
        return CPS_OK;
    result = json_dumps(json_object_get(message, "result"), JSON_COMPACT | JSON_ENCODE_ANY);
    if (result == NULL)
        return fail_here(agent, CPS_INTERNAL, "an answer without result");
    *ret_result = result;
    return CPS_OK;
}

/*
 * Goes through the lines that have come. Returns 1 and the answer to id when it is among them, 0
 * when not, -1 when a line makes no sense. Answers to requests given up earlier are dropped.
 */
static int scan_lines(cps_agent *agent, json_int_t id, unsigned *n_notified, json_t **ret_answer)
{
    const char *line;
    size_t len;

    while ((line = line_next(&agent->reader, &len)) != NULL) {
        AUTO_JSON json_t *message = json_parse_strict(line, len);
        const json_t *message_id = json_object_get(message, "id");

        if (!json_is_object(message))
            return -1;
        if (message_id == NULL) {
            notify(agent, message);
            ++*n_notified;
        } else if (json_is_integer(message_id) && json_integer_value(message_id) == id) {
            *ret_answer = TAKE_PTR(message);
            return 1;
        }
    }
    return 0;
}

/* As line_wait, with a tick now and then. */
static int wait_ticking(const cps_agent *agent, int cancel_fd, int64_t deadline_ms)
{
    for (;;) {
        int64_t pause_ms = clock_boot_ms() + TICK_MS;
        int r;

        if (agent->tick == NULL || pause_ms >= deadline_ms)
            return line_wait(agent->fd, cancel_fd, deadline_ms);
        r = line_wait(agent->fd, cancel_fd, pause_ms);
        if (r != 0)
            return r;
        agent->tick(agent->tick_user);
    }
}

/*
 * Reads until the answer to id has come or, with id 0, until something was notified. *ret_answer is
 * then the answer, or NULL.
 */
static cps_error await(cps_agent *agent, json_int_t id, int64_t deadline_ms, int cancel_fd,
                       json_t **ret_answer)
{
    unsigned n_notified = 0;

    for (;;) {
        int r = scan_lines(agent, id, &n_notified, ret_answer);

        if (r < 0)
            return lose(agent, "the agent sent something else than a message");
        if (r > 0 || (id == 0 && n_notified > 0))
            return CPS_OK;
        if (agent->lost)
            return fail_here(agent, CPS_AGENT_UNAVAILABLE, "the connection was lost earlier");
        r = wait_ticking(agent, cancel_fd, deadline_ms);
        if (r == 0)
            return fail_here(agent, CPS_DEADLINE_EXCEEDED, "nothing came from the agent");
        if (r == 2)
            return fail_here(agent, CPS_CANCELLED, "cancelled on this side");
        if (r == 1)
            r = line_fill(&agent->reader, agent->fd);
        if (r < 0 && r != -EAGAIN)
            return lose(agent, strerror(-r));
    }
}

/* Asks for the cancellation of a request, and still waits for its answer: that is the outcome. */
static cps_error cancel(cps_agent *agent, json_int_t id, json_t **ret_answer)
{
    int64_t deadline_ms = clock_boot_ms() + CANCEL_MS;
    cps_error error =
        send_request(agent, ++agent->last_id, "cancel", json_pack("{s:I}", "id", id), deadline_ms);

    if (error == CPS_OK)
        error = await(agent, id, deadline_ms, -1, ret_answer);
    if (error == CPS_DEADLINE_EXCEEDED)
        return fail_here(agent, CPS_CANCELLED, "the agent did not confirm");
    return error;
}

static cps_error call(cps_agent *agent, const char *method, json_t *params, int timeout_ms,
                      char **ret_result)
{
    int64_t deadline_ms = clock_boot_ms() + bounded(timeout_ms) + GRACE_MS;
    json_int_t id = ++agent->last_id;
    AUTO_JSON json_t *answer = NULL;
    cps_error error;

    if (agent->lost) {
        json_decref(params);
        return fail_here(agent, CPS_AGENT_UNAVAILABLE, "the connection was lost earlier");
    }
    if (json_object_get(params, "deadline_ms") == NULL)
        json_object_set_new(params, "deadline_ms", json_integer(bounded(timeout_ms)));
    error = send_request(agent, id, method, params, deadline_ms);
    if (error == CPS_OK)
        error = await(agent, id, deadline_ms, agent->cancel_fd, &answer);
    if (error == CPS_CANCELLED)
        error = cancel(agent, id, &answer);
    if (error != CPS_OK)
        return error;
    return take_answer(agent, answer, ret_result);
}

cps_error cps_agent_call(cps_agent *agent, const char *method, const char *params, int timeout_ms,
                         char **ret_result)
{
    json_t *object = params != NULL ? json_parse_strict(params, strlen(params)) : json_object();

    if (!json_is_object(object)) {
        json_decref(object);
        return fail_here(agent, CPS_INVALID_PARAMS, "params is not a JSON object");
    }
    return call(agent, method, object, timeout_ms, ret_result);
}

cps_error cps_agent_wait(cps_agent *agent, int timeout_ms)
{
    json_t *none = NULL;

    return await(agent, 0, clock_boot_ms() + bounded(timeout_ms), agent->cancel_fd, &none);
}

/* What the agent would refuse (too long, control characters, not UTF-8) is left out. */
static void set_text(json_t *object, const char *key, const char *value, size_t max)
{
    if (value == NULL || value[0] == '\0' || strlen(value) > max)
        return;
    for (const char *c = value; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            return;
    (void)json_object_set_new(object, key, json_string(value)); /* NULL, not UTF-8: no change */
}

static void set_terminal(json_t *object)
{
    char tty[256];

    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (ttyname_r(fd, tty, sizeof tty) == 0) {
            set_text(object, "tty", tty, 255);
            set_text(object, "term", getenv("TERM"), 64);
            return;
        }
}

/* The screen and the terminal of this process; the lengths are those of the interface. */
static json_t *display(void)
{
    json_t *object = json_object();

    set_text(object, "display", getenv("DISPLAY"), 255);
    set_text(object, "wayland_display", getenv("WAYLAND_DISPLAY"), 255);
    set_text(object, "xauthority", getenv("XAUTHORITY"), 1023);
    set_text(object, "dbus_session_bus_address", getenv("DBUS_SESSION_BUS_ADDRESS"), 1023);
    set_terminal(object);
    set_text(object, "lang", getenv("LANG"), 64);
    set_text(object, "lang", getenv("LC_CTYPE"), 64);
    set_text(object, "lang", getenv("LC_ALL"), 64);
    return object;
}

cps_error cps_agent_hello(cps_agent *agent, const char *program, const char *version,
                          int timeout_ms)
{
    json_t *params = json_pack("{s:i, s:{s:s, s:s}, s:o}", "protocol", CPS_AGENT_PROTOCOL, "client",
                               "name", program, "version", version, "display", display());

    if (params == NULL)
        return fail_here(agent, CPS_INVALID_PARAMS, "the name or version is not UTF-8");
    return call(agent, "hello", params, timeout_ms, NULL);
}
