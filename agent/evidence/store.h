/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an evidence log (agent/evidence/chain.h), written by one process at a time. What is
 * there is never changed: lines are added, a torn last line stays where it is, and only whole files
 * that are too old are removed, when told so.
 */
#ifndef EVIDENCE_STORE_H
#define EVIDENCE_STORE_H

#include <jansson.h>

#include "agent/evidence/chain.h"
#include "base/fail.h"

struct store;

struct store_limits {
    int64_t file_bytes; /* a file that has grown to this is followed by another */
    int64_t keep_s;     /* a file older than this may be removed */
};

/*
 * Opens the directory, made with mode 0700 if need be, and locks it. CPS_STORAGE when it is not
 * ours alone, is being written by another process, or cannot be read.
 */
cps_error store_open(const char *directory, struct store_limits limits, struct store **ret_store,
                     struct fail *fail);
void store_free(struct store *store);

/* How far the log goes: its last whole line. */
const struct evidence_head *store_head(const struct store *store);

/* What was found wrong at the end of the log when it was opened, or NULL. */
const char *store_damage(const struct store *store);

/*
 * Adds lines, the first of which must follow the head, and syncs them: all of them or, as far as
 * the disk lets itself be told, none.
 */
cps_error store_append(struct store *store, const json_t *lines, struct fail *fail);

/* The first line to keep when files older than keep_s go; 0: none is that old. */
int64_t store_expired(const struct store *store);

/* Removes the files that hold only lines before that one. */
cps_error store_purge(struct store *store, int64_t first_kept, struct fail *fail);

#endif
