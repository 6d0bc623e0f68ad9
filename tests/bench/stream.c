/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/bench/stream.h"

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define SCRIPT_MAX  65536
#define RECEIVE_MAX (1 << 18)

static unsigned count(struct stream *stream, const char *data, size_t len)
{
    unsigned messages = 0;

    if (stream->framing == FRAMING_OIDC)
        return 1; /* no frame: a short text, sent and received in one piece */
    if (stream->framing == FRAMING_LINE) {
        for (const char *at = data; (at = memchr(at, '\n', len - (size_t)(at - data))) != NULL;
             at++)
            messages++;
        return messages;
    }
    while (len > 0) {
        if (stream->body_left > 0) {
            size_t part = len < stream->body_left ? len : stream->body_left;

            stream->body_left -= part;
            data += part;
            len -= part;
            messages += stream->body_left == 0;
            continue;
        }
        stream->word = stream->word << 8 | (uint8_t)*data++;
        len--;
        if (++stream->word_len == 4) {
            stream->body_left = stream->word;
            stream->word = stream->word_len = 0;
        }
    }
    return messages;
}

void script_load(struct script *script, const char *path, enum framing framing)
{
    struct stream counter = {.framing = framing};
    FILE *file;

    if (path == NULL)
        return;
    file = fopen(path, "re");
    script->bytes = malloc(SCRIPT_MAX);
    if (file == NULL || script->bytes == NULL)
        err(EXIT_FAILURE, "%s", path);
    script->len = fread(script->bytes, 1, SCRIPT_MAX, file);
    script->messages = count(&counter, script->bytes, script->len);
    fclose(file);
}

bool stream_try_connect(struct stream *stream, const char *socket_path, enum framing framing)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *stream = (struct stream){.framing = framing};
    if (strlen(socket_path) >= sizeof address.sun_path)
        errx(EXIT_FAILURE, "path too long: %s", socket_path);
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    stream->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd < 0)
        err(EXIT_FAILURE, "socket");
    if (connect(stream->fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return true;
    if (errno != ENOENT && errno != ECONNREFUSED)
        err(EXIT_FAILURE, "%s", socket_path);
    close(stream->fd);
    return false;
}

void stream_connect(struct stream *stream, const char *socket_path, enum framing framing)
{
    if (!stream_try_connect(stream, socket_path, framing))
        err(EXIT_FAILURE, "%s", socket_path);
}

void stream_send(const struct stream *stream, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t n = send(stream->fd, bytes, len, MSG_NOSIGNAL);

        if (n < 0)
            err(EXIT_FAILURE, "send");
        bytes += n;
        len -= (size_t)n;
    }
}

unsigned stream_receive(struct stream *stream, const char **ret_data, size_t *ret_bytes)
{
    static char data[RECEIVE_MAX + 1];
    ssize_t n = recv(stream->fd, data, RECEIVE_MAX, 0);

    if (n < 0)
        err(EXIT_FAILURE, "recv");
    if (n == 0)
        errx(EXIT_FAILURE, "the server hung up");
    data[n] = '\0';
    if (ret_data != NULL)
        *ret_data = data;
    if (ret_bytes != NULL)
        *ret_bytes = (size_t)n;
    return count(stream, data, (size_t)n);
}

void stream_play(struct stream *stream, const struct script *script)
{
    unsigned received = 0;
    const char *data;

    stream_send(stream, script->bytes, script->len);
    while (received < script->messages) {
        received += stream_receive(stream, &data, NULL);
        if (stream->framing != FRAMING_SSH && strstr(data, "\"error\":") != NULL)
            errx(EXIT_FAILURE, "the server answers: %s", data);
    }
}

void stream_close(struct stream *stream)
{
    close(stream->fd);
    stream->fd = -1;
}
