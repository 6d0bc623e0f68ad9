/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "tests/bench/clocks.h"
#include "tests/bench/sockload.h"

#define EVENTS_MAX  64
#define SAMPLES_MAX (1 << 22)

struct caller {
    struct stream stream;
    int64_t sent_ns;
    unsigned answers; /* of the call under way */
    size_t bytes;
};

struct loop {
    const struct load *load;
    int epoll;
    struct caller callers[CONNECTIONS_MAX];
    size_t answer_bytes; /* of the first call: all calls are the same, so are their answers */
    uint32_t *samples_ns;
    size_t n_samples;
};

static void start_call(struct loop *loop, struct caller *caller)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};

    caller->answers = 0;
    caller->bytes = 0;
    caller->sent_ns = clocks_now_ns();
    if (caller->stream.fd < 0) {
        stream_connect(&caller->stream, loop->load->socket_path, loop->load->framing);
        if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, caller->stream.fd, &event) < 0)
            err(EXIT_FAILURE, "epoll_ctl");
    }
    stream_send(&caller->stream, loop->load->request.bytes, loop->load->request.len);
}

static void check_answer(struct loop *loop, const struct caller *caller)
{
    if (loop->answer_bytes == 0)
        loop->answer_bytes = caller->bytes;
    if (caller->bytes != loop->answer_bytes)
        errx(EXIT_FAILURE, "an answer of %zu bytes, not %zu", caller->bytes, loop->answer_bytes);
}

/* Takes what has come; a call that is complete is counted and the next one sent. */
static void on_answer(struct loop *loop, struct caller *caller, int64_t end_ns)
{
    size_t bytes;
    int64_t now;

    caller->answers += stream_receive(&caller->stream, NULL, &bytes);
    caller->bytes += bytes;
    if (caller->answers < loop->load->request.messages)
        return;
    now = clocks_now_ns();
    check_answer(loop, caller);
    if (loop->samples_ns != NULL && loop->n_samples < SAMPLES_MAX)
        loop->samples_ns[loop->n_samples++] = (uint32_t)(now - caller->sent_ns);
    if (loop->load->per_call != 0)
        stream_close(&caller->stream);
    if (now < end_ns)
        start_call(loop, caller);
    else
        caller->sent_ns = 0;
}

static bool under_way(const struct loop *loop)
{
    for (unsigned i = 0; i < loop->load->active; i++)
        if (loop->callers[i].sent_ns != 0)
            return true;
    return false;
}

static void run_for(struct loop *loop, int64_t end_ns)
{
    struct epoll_event events[EVENTS_MAX];

    for (unsigned i = 0; i < loop->load->active; i++)
        start_call(loop, &loop->callers[i]);
    while (clocks_now_ns() < end_ns || under_way(loop)) {
        int n = epoll_wait(loop->epoll, events, EVENTS_MAX, -1);

        if (n < 0)
            err(EXIT_FAILURE, "epoll_wait");
        for (int i = 0; i < n; i++)
            on_answer(loop, events[i].data.ptr, end_ns);
    }
}

static int compare(const void *a, const void *b)
{
    const uint32_t *x = a;
    const uint32_t *y = b;

    return (*x > *y) - (*x < *y);
}

static double percentile_us(const struct loop *loop, unsigned percent)
{
    return loop->samples_ns[(loop->n_samples - 1) * percent / 100] / 1000.0;
}

double sockload_own_s(const struct load *load)
{
    int64_t own = clocks_cpu_ns(0);

    if (load->server != 0)
        own += clocks_cpu_ns(load->server) - load->server_start_ns;
    return (double)own / 1e9;
}

static void print(struct loop *loop, int64_t wall_ns, int64_t server_ns)
{
    qsort(loop->samples_ns, loop->n_samples, sizeof loop->samples_ns[0], compare);
    printf("{\"calls\": %zu, \"wall_s\": %.6f, \"p50_us\": %.2f, \"p99_us\": %.2f, "
           "\"server_s\": %.6f, \"own_s\": %.6f, \"answer_bytes\": %zu}\n",
           loop->n_samples, (double)wall_ns / 1e9, percentile_us(loop, 50), percentile_us(loop, 99),
           (double)server_ns / 1e9, sockload_own_s(loop->load), loop->answer_bytes);
}

static void open_callers(struct loop *loop)
{
    for (unsigned i = 0; i < loop->load->active; i++) {
        struct caller *caller = &loop->callers[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = caller};

        caller->stream.fd = -1;
        if (loop->load->per_call != 0)
            continue;
        stream_connect(&caller->stream, loop->load->socket_path, loop->load->framing);
        stream_play(&caller->stream, &loop->load->prelude);
        if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, caller->stream.fd, &event) < 0)
            err(EXIT_FAILURE, "epoll_ctl");
    }
}

/* One call read in full, so that a server that answers errors is found out. */
static void try_once(const struct load *load)
{
    struct stream stream;

    stream_connect(&stream, load->socket_path, load->framing);
    stream_play(&stream, &load->prelude);
    stream_play(&stream, &load->request);
    stream_close(&stream);
}

void sockload_loop(const struct load *load)
{
    static struct loop loop;
    int64_t start, server;

    loop.load = load;
    loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll < 0)
        err(EXIT_FAILURE, "epoll_create1");
    try_once(load);
    open_callers(&loop);
    run_for(&loop, clocks_now_ns() + load->warmup_ms * 1000000);
    loop.samples_ns = calloc(SAMPLES_MAX, sizeof loop.samples_ns[0]);
    if (loop.samples_ns == NULL)
        err(EXIT_FAILURE, "calloc");
    server = load->server != 0 ? clocks_cpu_ns(load->server) : 0;
    start = clocks_now_ns();
    run_for(&loop, start + load->duration_ms * 1000000);
    start = clocks_now_ns() - start;
    server = load->server != 0 ? clocks_cpu_ns(load->server) - server : 0;
    print(&loop, start, server);
}
