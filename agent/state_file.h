/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files of the state directory: ours alone, replaced whole or not at all. These calls wait
 * for the disk: the agent reads with them when it starts, and writes by state_store.h.
 */
#ifndef AGENT_STATE_FILE_H
#define AGENT_STATE_FILE_H

#include <stddef.h>

#include "base/fail.h"

/*
 * The whole file, NUL-terminated, for the caller to free; NULL with CPS_OK when there is none.
 * CPS_STORAGE: it cannot be read, is longer than max, or somebody else may use it.
 */
cps_error state_file_read(const char *path, size_t max, char **ret_text, struct fail *fail);

/* A new file, synced, renamed over the old one: after a loss of power it is one or the other. */
cps_error state_file_replace(const char *path, const void *data, size_t len, struct fail *fail);

/* The same of a file that the agent starts with. One that cannot be read counts as damaged. */
char *state_file_load(const char *state_dir, const char *name, size_t max);

/* Puts a damaged file out of the way, as NAME.damaged, and says so. */
void state_file_set_aside(const char *state_dir, const char *name);

#endif
