/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/provider/link.h"

#include <ctype.h>
#include <errno.h>
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

/* Connections at once: a few that wait between two uses, and one for each thread that is served. */
#define LINKS_MAX 128

#define PROTOCOL 1
#define CLIENT   "cps-agent-pkcs11"

struct link {
    int fd;
    bool lost;
    bool notified;
    int64_t last_id;
    struct line_reader reader;
};

/* Descriptors plus one, 0 for none: what the child of a fork closes. */
static int open_fds[LINKS_MAX];

static bool remember(int fd)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        int none = 0;

        if (__atomic_compare_exchange_n(&open_fds[i], &none, fd + 1, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
            return true;
    }
    return false;
}

static void forget(int fd)
{
    for (size_t i = 0; i < LINKS_MAX; i++)
        if (__atomic_load_n(&open_fds[i], __ATOMIC_SEQ_CST) == fd + 1)
            __atomic_store_n(&open_fds[i], 0, __ATOMIC_SEQ_CST);
}

void links_close_in_child(void)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (open_fds[i] != 0)
            close(open_fds[i] - 1);
        open_fds[i] = 0;
    }
}

static int socket_path(char *path, size_t size)
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
static int connect_to_agent(int timeout_ms)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000 + 1};
    int64_t deadline_ms = clock_boot_ms() + timeout_ms;
    AUTO_CLOSE int fd = -1;
    int len = socket_path(address.sun_path, sizeof address.sun_path);
    int r;

    if (len <= 0 || (size_t)len >= sizeof address.sun_path)
        return -1;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
        return -1;
    do
        r = connect(fd, (const struct sockaddr *)&address, sizeof address);
    while (r < 0 && errno == EINTR && clock_left_ms(deadline_ms) > 0);
    return r == 0 ? TAKE_FD(fd) : -1;
}

/* What the agent would refuse (too long, control characters, not UTF-8) is left out. */
static void set_text(json_t *object, const char *key, const char *value, size_t max)
{
    if (value == NULL || value[0] == '\0' || strlen(value) > max)
        return;
    for (const char *c = value; *c != '\0'; c++)
        if (iscntrl((unsigned char)*c))
            return;
    (void)json_object_set_new(object, key, json_string(value));
}

/* The screen of this process: where the agent asks questions. The lengths are the interface's. */
static json_t *display(void)
{
    json_t *object = json_object();
    char tty[256];

    set_text(object, "lang", getenv("LANG"), 64);
    set_text(object, "lang", getenv("LC_CTYPE"), 64);
    set_text(object, "lang", getenv("LC_ALL"), 64);
    set_text(object, "display", getenv("DISPLAY"), 255);
    set_text(object, "wayland_display", getenv("WAYLAND_DISPLAY"), 255);
    set_text(object, "xauthority", getenv("XAUTHORITY"), 1023);
    set_text(object, "dbus_session_bus_address", getenv("DBUS_SESSION_BUS_ADDRESS"), 1023);
    if (ttyname_r(STDERR_FILENO, tty, sizeof tty) == 0) {
        set_text(object, "tty", tty, 255);
        set_text(object, "term", getenv("TERM"), 64);
    }
    return object;
}

/* Without the braces, which are link_call()'s. */
static char *greeting(void)
{
    AUTO_JSON json_t *hello =
        json_pack("{s:i, s:{s:s, s:s}, s:o}", "protocol", PROTOCOL, "client", "name", CLIENT,
                  "version", CPS_VERSION, "display", display());
    char *text = json_dumps(hello, JSON_COMPACT);

    if (text == NULL)
        return NULL;
    text[strlen(text) - 1] = '\0';
    memmove(text, text + 1, strlen(text));
    return text;
}

void link_free(struct link *link)
{
    if (link == NULL)
        return;
    if (link->fd >= 0) {
        forget(link->fd);
        close(link->fd);
    }
    line_reader_done(&link->reader);
    free(link);
}

cps_error link_open(int timeout_ms, struct link **ret_link)
{
    AUTO_FREE char *params = greeting();
    struct link *link = calloc(1, sizeof *link);
    cps_error error = CPS_INTERNAL;

    if (link == NULL || params == NULL) {
        free(link);
        return error;
    }
    error = CPS_AGENT_UNAVAILABLE;
    link->fd = connect_to_agent(timeout_ms);
    if (link->fd >= 0 && remember(link->fd))
        error = link_call(link, "hello", params, timeout_ms, NULL);
    if (error != CPS_OK) {
        link_free(link);
        return error == CPS_DEADLINE_EXCEEDED ? error : CPS_AGENT_UNAVAILABLE;
    }
    *ret_link = link;
    return CPS_OK;
}

static cps_error lose(struct link *link, cps_error error)
{
    link->lost = true;
    return error;
}

/* Looks through the lines that have come for the answer to the last request. */
static bool find_answer(struct link *link, json_t **ret_answer)
{
    const char *line;
    size_t len;

    while (!link->lost && (line = line_next(&link->reader, &len)) != NULL) {
        AUTO_JSON json_t *message = json_parse_strict(line, len);

        if (!json_is_object(message)) {
            link->lost = true;
        } else if (json_object_get(message, "id") == NULL) {
            link->notified = true;
        } else if (json_get_int(message, "id", -1) == link->last_id) {
            *ret_answer = TAKE_PTR(message);
            return true;
        }
    }
    return false;
}

static cps_error await_answer(struct link *link, int64_t deadline_ms, json_t **ret_answer)
{
    for (;;) {
        int r;

        if (find_answer(link, ret_answer))
            return CPS_OK;
        if (link->lost)
            return CPS_AGENT_UNAVAILABLE;
        r = line_wait(link->fd, -1, deadline_ms);
        if (r == 0)
            return lose(link, CPS_DEADLINE_EXCEEDED);
        if (r == 1)
            r = line_fill(&link->reader, link->fd);
        if (r < 0 && r != -EAGAIN)
            return lose(link, CPS_AGENT_UNAVAILABLE);
    }
}

static cps_error outcome(struct link *link, const json_t *answer, json_t **ret_result)
{
    const json_t *error = json_get_object(answer, "error");
    json_t *result = json_get_object(answer, "result");
    const char *name = json_get_string(json_get_object(error, "data"), "name");
    cps_error code;

    if (error != NULL) {
        code = name != NULL ? cps_error_from_name(name) : CPS_INTERNAL;
        return code != CPS_OK ? code : CPS_INTERNAL;
    }
    if (result == NULL)
        return lose(link, CPS_AGENT_UNAVAILABLE);
    if (ret_result != NULL)
        *ret_result = json_incref(result);
    return CPS_OK;
}

cps_error link_call(struct link *link, const char *method, const char *params, int timeout_ms,
                    json_t **ret_result)
{
    int64_t deadline_ms = clock_boot_ms() + timeout_ms + LINK_GRACE_MS;
    AUTO_JSON json_t *answer = NULL;
    AUTO_FREE char *text = NULL;
    cps_error error;
    int len;

    if (link->lost)
        return CPS_AGENT_UNAVAILABLE;
    len = asprintf(&text,
                   "{\"jsonrpc\":\"2.0\",\"id\":%lld,\"method\":\"%s\",\"params\":{%s%s"
                   "\"deadline_ms\":%d}}\n",
                   (long long)++link->last_id, method, params, params[0] != '\0' ? "," : "",
                   timeout_ms);
    if (len < 0)
        return CPS_INTERNAL;
    if (line_send(link->fd, text, (size_t)len, deadline_ms) < 0)
        return lose(link, CPS_AGENT_UNAVAILABLE);
    error = await_answer(link, deadline_ms, &answer);
    return error == CPS_OK ? outcome(link, answer, ret_result) : error;
}

bool link_is_usable(const struct link *link)
{
    return !link->lost;
}

int link_news(struct link *link)
{
    int r = 0;

    while (r == 0 && !link->lost) {
        AUTO_JSON json_t *late = NULL; /* nobody waits for it any more */

        r = line_fill(&link->reader, link->fd);
        (void)find_answer(link, &late);
    }
    if (r != -EAGAIN || link->lost)
        return -1;
    if (!link->notified)
        return 0;
    link->notified = false;
    return 1;
}
