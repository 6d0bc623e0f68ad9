/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections of the load client. Messages are only counted, not read: by newlines, by the length
 * words of the ssh-agent protocol, or, of oidc-agent's, by what comes at once. Any failure ends the
 * program: a figure made of failed calls is worse than none.
 */
#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum framing { FRAMING_LINE, FRAMING_SSH, FRAMING_OIDC };

/* Bytes to send, and the number of messages in them: as many answers are expected. */
struct script {
    char *bytes;
    size_t len;
    unsigned messages;
};

struct stream {
    int fd;
    enum framing framing;
    size_t body_left;  /* ssh: bytes of the message being received … */
    uint32_t word;     /* … or its length so far … */
    unsigned word_len; /* … and how many of that word's bytes are known */
};

/* Reads a script from a file; without a path it is empty. */
void script_load(struct script *script, const char *path, enum framing framing);

/* A new connection. False when nobody listens there (yet). */
bool stream_try_connect(struct stream *stream, const char *socket_path, enum framing framing);

/* The same when somebody must listen. */
void stream_connect(struct stream *stream, const char *socket_path, enum framing framing);

/* Sends all of it, waiting if it must. */
void stream_send(const struct stream *stream, const char *bytes, size_t len);

/*
 * Receives what is there, waiting if nothing is. Returns the number of messages that it ended, and
 * the number of bytes in *ret_bytes (may be NULL). The bytes are in *ret_data until the next call.
 */
unsigned stream_receive(struct stream *stream, const char **ret_data, size_t *ret_bytes);

/* Sends a script and waits for as many messages. No answer may be an error. */
void stream_play(struct stream *stream, const struct script *script);

void stream_close(struct stream *stream);

#endif
