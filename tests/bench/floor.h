/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floor servers: the least that a server of one JSON-RPC line a message has to do, to stand beside
 * the agent in the same run. One thread, epoll, no policy, no deadline, no check of anything.
 */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

#include <stdbool.h>
#include <stddef.h>

/* Longest request accepted, newline included, and longest answer made. */
#define FLOOR_LINE_MAX   1024
#define FLOOR_ANSWER_MAX 65536

enum floor_kind {
    FLOOR_RAW,     /* the same bytes for every line, nothing parsed */
    FLOOR_SPLICE,  /* jansson parses the request, a ready result is put behind its id */
    FLOOR_JANSSON, /* jansson parses the request, builds the answer and dumps it */
};

/* What is asked of the kernel about each new peer. */
enum floor_identity {
    FLOOR_NOBODY,
    FLOOR_CRED, /* SO_PEERCRED */
    FLOOR_FULL, /* and pidfd, executable, start time */
};

/* What a request wants besides its answer. */
enum floor_wish { FLOOR_NOTHING, FLOOR_SUBSCRIBE, FLOOR_PUBLISH };

struct floor {
    enum floor_kind kind;
    enum floor_identity identity;
    const char *socket_path;
    const char *token;  /* the token in each answer */
    const char *result; /* the same, rendered: the result of token.get */
    const char *event;  /* the line sent to subscribers, newline included */
};

/*
 * Answers one request (without its newline) into out, newline included. Returns the length; 0 when
 * the request cannot be read.
 */
size_t floor_answer(const struct floor *floor, const char *line, size_t len,
                    char out[FLOOR_ANSWER_MAX], enum floor_wish *ret_wish);

/* Asks the kernel who is at the other end; the answers are read and dropped. */
void floor_identify(enum floor_identity identity, int fd);

/* Serves until killed. */
void floor_serve(const struct floor *floor) __attribute__((noreturn));

#endif
