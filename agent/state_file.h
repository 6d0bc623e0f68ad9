/* SPDX-License-Identifier: Apache-2.0 */
/* Small text files of the state directory: ours alone, replaced whole or not at all. */
#ifndef AGENT_STATE_FILE_H
#define AGENT_STATE_FILE_H

#include <stddef.h>

#include "base/fail.h"

/*
 * The whole file, NUL-terminated, for the caller to free; NULL with CPS_OK when there is none.
 * CPS_STORAGE: it cannot be read, is longer than max, or somebody else may use it.
 */
cps_error state_file_read(const char *path, size_t max, char **ret_text, struct fail *fail);

/* Not synced: for what may be lost with the power, as nobody waits for a disk here. */
cps_error state_file_replace(const char *path, const char *text, struct fail *fail);

/* Puts a damaged file out of the way, as PATH.damaged. */
void state_file_set_aside(const char *path);

#endif
