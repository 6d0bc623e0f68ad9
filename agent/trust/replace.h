/* SPDX-License-Identifier: Apache-2.0 */
/* A file written whole or not at all, for everybody to read. */
#ifndef TRUST_REPLACE_H
#define TRUST_REPLACE_H

#include <stddef.h>

#include "base/fail.h"

/* Creates the directory (mode 0755) when it is not there; its parent must be. */
cps_error replace_directory(const char *directory, struct fail *fail);

/* Replaces directory/name by these bytes, mode 0644, synced. CPS_STORAGE, and nothing changed. */
cps_error replace_file(const char *directory, const char *name, const void *data, size_t len,
                       struct fail *fail);

/* Removes directory/name; one that is not there is fine. */
cps_error replace_remove(const char *directory, const char *name, struct fail *fail);

/* Waits for whoever else edits that directory; the lock goes with the descriptor. -1: CPS_STORAGE.
 */
int replace_lock(const char *directory, struct fail *fail);

#endif
