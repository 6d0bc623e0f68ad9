/* SPDX-License-Identifier: Apache-2.0 */
/* Lines over a non-blocking stream socket, bounded in size and in time. */
#ifndef BASE_LINE_H
#define BASE_LINE_H

#include <stddef.h>
#include <stdint.h>

/* Longest line that the agent sends, its end not counted. */
#define LINE_MAX_IN (256 * 1024)

struct line_reader {
    char *data;
    size_t size;
    size_t filled;
    size_t line; /* length of the line handed out, its end included: dropped at the next call */
};

/* Wipes and frees: lines may carry tokens. */
void line_reader_done(struct line_reader *reader);

/*
 * The next whole line that has already come, without its end; NULL when there is none yet. Borrowed
 * until the next call on this reader.
 */
const char *line_next(struct line_reader *reader, size_t *ret_len);

/*
 * Reads what there is. Returns 0, -EAGAIN when there is nothing, -ECONNRESET at the end of the
 * stream, -EMSGSIZE when the line under way is too long, or another negative errno.
 */
int line_fill(struct line_reader *reader, int fd);

/* Writes all of the text. Returns 0, -ETIMEDOUT or another negative errno. Never raises SIGPIPE. */
int line_send(int fd, const char *text, size_t len, int64_t deadline_ms);

/*
 * Waits until fd is readable (1) or cancel_fd is (2; -1: none). Returns 0 at the deadline (boot
 * time) or a negative errno.
 */
int line_wait(int fd, int cancel_fd, int64_t deadline_ms);

#endif
