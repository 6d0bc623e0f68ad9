/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket: one JSON object a line in, one a line out. Commands are in README.md. */
#ifndef VCPS_CONTROL_H
#define VCPS_CONTROL_H

#include <poll.h>

#include "reader.h"

enum {
    CONTROL_CLIENTS_MAX = 8,
    CONTROL_LINE_MAX = 4096,
    CONTROL_FDS_MAX = CONTROL_CLIENTS_MAX + 1,
};

enum control_wait { WAIT_NOTHING, WAIT_POWERED, WAIT_GONE };

struct control_client {
    int fd; /* -1: free */
    size_t len;
    char line[CONTROL_LINE_MAX];
    enum control_wait wait;
    uint64_t deadline; /* nanoseconds */
};

struct control {
    int listener;
    struct reader *reader;
    bool quit;
    struct control_client clients[CONTROL_CLIENTS_MAX];
};

/* False (errno set) when the socket cannot be made. */
bool control_init(struct control *c, const char *path, struct reader *reader);
void control_done(struct control *c);

/* Fills CONTROL_FDS_MAX entries; then handles what poll found in them. */
void control_prepare(const struct control *c, struct pollfd *fds);
void control_handle(struct control *c, const struct pollfd *fds, uint64_t now);

/* Answers the clients whose wait is over. Returns the next deadline, 0 for none. */
uint64_t control_run(struct control *c, uint64_t now);

#endif
