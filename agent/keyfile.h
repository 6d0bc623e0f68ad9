/* SPDX-License-Identifier: Apache-2.0 */
/* Secret files of the state directory, read and made when the agent starts: ours alone. */
#ifndef AGENT_KEYFILE_H
#define AGENT_KEYFILE_H

#include "base/fail.h"
#include "base/secret.h"

/* Creates the directory if need be and checks that nobody else may use it. */
cps_error keyfile_directory(const char *dir, struct fail *fail);

/*
 * Reads dir/name. CPS_OK with an empty secret when there is no such file; CPS_STORAGE when it is
 * not a plain file of ours with mode 0600 or less.
 */
cps_error keyfile_read(const char *dir, const char *name, struct secret *secret, struct fail *fail);

/* Makes dir/name when the agent starts: it waits for the disk. */
cps_error keyfile_create(const char *dir, const char *name, const struct secret *secret,
                         struct fail *fail);

#endif
