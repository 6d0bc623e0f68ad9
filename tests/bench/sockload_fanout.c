/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "tests/bench/clocks.h"
#include "tests/bench/sockload.h"

#define EVENTS_MAX 64

struct fanout {
    const struct load *load;
    int epoll;
    struct stream subscribers[CONNECTIONS_MAX];
    struct stream speaker;
};

static void watch(const struct fanout *fanout, struct stream *stream)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = stream};

    if (epoll_ctl(fanout->epoll, EPOLL_CTL_ADD, stream->fd, &event) < 0)
        err(EXIT_FAILURE, "epoll_ctl");
}

/* The speaker hears progress before its answer: only the answer counts. */
static unsigned hear_answer(struct stream *speaker)
{
    const char *data;

    stream_receive(speaker, &data, NULL);
    if (strstr(data, "\"error\":") != NULL)
        errx(EXIT_FAILURE, "the server answers: %s", data);
    return strstr(data, "\"result\":") != NULL;
}

/*
 * Sends a request that causes one event. Returns the time from there until the last subscriber has
 * the event; the answer of the request, which may come later, is awaited but not counted.
 */
static int64_t speak(struct fanout *fanout, const struct script *script)
{
    struct epoll_event events[EVENTS_MAX];
    unsigned told = 0, answered = 0;
    int64_t start = clocks_now_ns();
    int64_t last = start;

    stream_send(&fanout->speaker, script->bytes, script->len);
    while (told < fanout->load->idle || answered == 0) {
        int n = epoll_wait(fanout->epoll, events, EVENTS_MAX, -1);

        if (n < 0)
            err(EXIT_FAILURE, "epoll_wait");
        for (int i = 0; i < n; i++) {
            struct stream *stream = events[i].data.ptr;

            if (stream == &fanout->speaker)
                answered += hear_answer(stream);
            else if ((told += stream_receive(stream, NULL, NULL)) == fanout->load->idle)
                last = clocks_now_ns();
        }
    }
    return last - start;
}

void sockload_fanout(const struct load *load)
{
    static struct fanout fanout;
    struct stream *speaker = &fanout.speaker;

    fanout.load = load;
    fanout.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (fanout.epoll < 0)
        err(EXIT_FAILURE, "epoll_create1");
    for (unsigned i = 0; i < load->idle; i++) {
        stream_connect(&fanout.subscribers[i], load->socket_path, load->framing);
        stream_play(&fanout.subscribers[i], &load->idle_script);
        watch(&fanout, &fanout.subscribers[i]);
    }
    stream_connect(speaker, load->socket_path, load->framing);
    stream_play(speaker, &load->prelude);
    watch(&fanout, speaker);
    printf("{\"us\": [");
    for (unsigned i = 0; i < load->rounds; i++) {
        printf("%s%.1f", i > 0 ? ", " : "", clocks_us(speak(&fanout, &load->request)));
        speak(&fanout, &load->rearm);
    }
    printf("], \"own_s\": %.6f}\n", sockload_own_s(load));
}
