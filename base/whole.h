/* SPDX-License-Identifier: Apache-2.0 */
/* Contents that are read and written whole, or not at all. 0, or a negative errno. */
#ifndef BASE_WHOLE_H
#define BASE_WHOLE_H

#include <stddef.h>
#include <sys/types.h>

/* All these bytes, to a file or a memfd. */
int whole_write(int fd, const void *data, size_t len);

/*
 * All that a file or a memfd holds, from its beginning, for the caller to free; at least one byte
 * is there to point at. -EFBIG: more than max bytes.
 */
int whole_read(int fd, size_t max, char **ret_data, size_t *ret_len);

/* The same of a plain file; -ENOTSUP for what is no plain file. */
int whole_load(const char *path, size_t max, char **ret_data, size_t *ret_len);

/*
 * A file of ours with that mode, written as temporary in the same directory, synced, and renamed to
 * path: after a loss of power it is the new one or the old one. What was there as temporary goes.
 */
int whole_replace(const char *path, const char *temporary, mode_t mode, const void *data,
                  size_t len);

/* What was renamed or removed in that directory is on the disk when the directory is. */
int whole_sync_directory(const char *directory);

#endif
