/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a login waits for, on standard error: one line kept up to date with the seconds left on a
 * terminal, one line an event elsewhere. The two digits are shown large and stay on screen.
 */
#ifndef CPSCTL_PROGRESS_H
#define CPSCTL_PROGRESS_H

#include <cps/agent.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct progress {
    bool terminal;      /* a line on standard error can be written anew */
    bool drawn;         /* a line to be overwritten is on screen */
    char text[256];     /* of the state under way, "" before the first */
    char digits[8];     /* shown already */
    int64_t expires_ms; /* boot time, or CLOCK_NEVER */
    bool asking;        /* a dialogue may have taken the terminal over */
    int tty;            /* the terminal lent to it, or -1 */
    struct termios settings;
};

struct cpsctl;

/* As cpsctl_call(), which connects, with what is waited for shown meanwhile. */
int progress_call(struct cpsctl *ctl, const char *method, json_t *params, int timeout_ms,
                  json_t **ret_result);

#endif
