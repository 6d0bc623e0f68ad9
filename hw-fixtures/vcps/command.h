/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VCPS_COMMAND_H
#define VCPS_COMMAND_H

#include <jansson.h>

#include "control.h"

/* What a command asks for beside its answer. */
struct command_outcome {
    enum control_wait wait; /* answer only then, or when `wait_ms` are over */
    uint64_t wait_ms;
    bool quit;
};

/* Executes one command; returns its answer, a new reference. */
json_t *command_execute(struct reader *r, const char *line, size_t len, uint64_t now,
                        struct command_outcome *ret_outcome);

#endif
