/* SPDX-License-Identifier: Apache-2.0 */
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "tests/bench/sockload.h"

static void open_idle(const struct load *load)
{
    struct stream stream;

    stream_connect(&stream, load->socket_path, load->framing);
    stream_play(&stream, &load->idle_script);
}

/* Half a request, and then nothing more for ever. */
static void open_stalled(const struct load *load)
{
    struct stream stream;

    stream_connect(&stream, load->socket_path, load->framing);
    stream_play(&stream, &load->prelude);
    stream_send(&stream, load->request.bytes, load->request.len / 2);
}

/* Requests until the server takes no more of them; their answers are never read. */
static void open_deaf(const struct load *load)
{
    struct stream stream;
    ssize_t n;

    stream_connect(&stream, load->socket_path, load->framing);
    stream_play(&stream, &load->prelude);
    do
        n = send(stream.fd, load->request.bytes, load->request.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n == (ssize_t)load->request.len);
    if (n < 0 && errno != EAGAIN)
        err(EXIT_FAILURE, "deaf client");
}

void sockload_crowd(const struct load *load)
{
    for (unsigned i = 0; i < load->idle; i++)
        open_idle(load);
    for (unsigned i = 0; i < load->stalled; i++)
        open_stalled(load);
    for (unsigned i = 0; i < load->deaf; i++)
        open_deaf(load);
}
