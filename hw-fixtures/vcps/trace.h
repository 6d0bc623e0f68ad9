/* SPDX-License-Identifier: Apache-2.0 */
/* Optional log of APDUs, one line each way; the data of commands that carry a code are masked. */
#ifndef VCPS_TRACE_H
#define VCPS_TRACE_H

#include "util.h"

struct trace {
    FILE *file;
};

/* NULL path: stop. False when the file cannot be opened; tracing is then off. */
bool trace_open(struct trace *t, const char *path);
void trace_close(struct trace *t);

void trace_note(struct trace *t, const char *text);
void trace_command(struct trace *t, const uint8_t *msg, size_t n);
void trace_answer(struct trace *t, const uint8_t *msg, size_t n);

#endif
