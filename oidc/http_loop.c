/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/http_loop.h"

#include <stdlib.h>
#include <sys/epoll.h>

/* Connections kept for the next request. */
#define CONNECTIONS_MAX 8

struct http_loop {
    sd_event *event;
    CURLM *multi;
    sd_event_source *timer;
    http_loop_fn *finished;
};

static void reap(struct http_loop *loop)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(loop->multi, &left)) != NULL)
        if (message->msg == CURLMSG_DONE)
            loop->finished(message->easy_handle, message->data.result);
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *user)
{
    struct http_loop *loop = user;
    int what = 0;
    int running;

    (void)source;
    if ((events & EPOLLIN) != 0)
        what |= CURL_CSELECT_IN;
    if ((events & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    if ((events & (EPOLLERR | EPOLLHUP)) != 0)
        what |= CURL_CSELECT_ERR;
    curl_multi_socket_action(loop->multi, fd, what, &running);
    reap(loop);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
    struct http_loop *loop = user;
    int running;

    (void)source;
    (void)usec;
    curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(loop);
    return 0;
}

/* libcurl: watch this descriptor for that. It closes the descriptor after CURL_POLL_REMOVE only. */
static int watch(CURL *easy, curl_socket_t fd, int what, void *user, void *of_socket)
{
    struct http_loop *loop = user;
    sd_event_source *source = of_socket;
    uint32_t events = 0;

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        sd_event_source_disable_unref(source);
        curl_multi_assign(loop->multi, fd, NULL);
        return 0;
    }
    if ((what & CURL_POLL_IN) != 0)
        events |= EPOLLIN;
    if ((what & CURL_POLL_OUT) != 0)
        events |= EPOLLOUT;
    if (source != NULL)
        return sd_event_source_set_io_events(source, events) < 0 ? -1 : 0;
    if (sd_event_add_io(loop->event, &source, fd, events, on_socket, loop) < 0)
        return -1;
    curl_multi_assign(loop->multi, fd, source);
    return 0;
}

/* libcurl: call back in ms milliseconds. Never from here, 0 included: that would recurse. */
static int set_timer(CURLM *multi, long ms, void *user)
{
    struct http_loop *loop = user;

    (void)multi;
    if (ms < 0)
        return sd_event_source_set_enabled(loop->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
    if (sd_event_source_set_time_relative(loop->timer, (uint64_t)ms * 1000) < 0)
        return -1;
    return sd_event_source_set_enabled(loop->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

struct http_loop *http_loop_new(sd_event *event, http_loop_fn *finished)
{
    struct http_loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL)
        return NULL;
    loop->event = event;
    loop->finished = finished;
    loop->multi = curl_multi_init();
    /* Accuracy 1 µs: 0 would mean sd-event's default, a quarter of a second late at each step. */
    if (loop->multi == NULL ||
        sd_event_add_time_relative(event, &loop->timer, CLOCK_MONOTONIC, 0, 1, on_timer, loop) <
            0 ||
        sd_event_source_set_enabled(loop->timer, SD_EVENT_OFF) < 0) {
        http_loop_free(loop);
        return NULL;
    }
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch);
    curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
    curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_MAX);
    return loop;
}

void http_loop_free(struct http_loop *loop)
{
    if (loop == NULL)
        return;
    curl_multi_cleanup(loop->multi); /* closes kept connections: their sources go here */
    sd_event_source_disable_unref(loop->timer);
    free(loop);
}

bool http_loop_add(struct http_loop *loop, CURL *easy)
{
    return curl_multi_add_handle(loop->multi, easy) == CURLM_OK;
}

void http_loop_remove(struct http_loop *loop, CURL *easy)
{
    curl_multi_remove_handle(loop->multi, easy);
}
