/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the lines of an evidence log (agent/evidence/chain.h), in order, and only reads them. */
#ifndef CPSCTL_EVIDENCE_READ_H
#define CPSCTL_EVIDENCE_READ_H

#include <stdbool.h>
#include <stddef.h>

struct evidence_line {
    const char *file; /* name in the directory */
    unsigned number;  /* in that file, from 1 */
    const char *text; /* without its line feed, NUL-terminated */
    size_t len;
    bool torn; /* the file ends without a line feed */
};

/* False ends the reading. */
typedef bool (*evidence_line_fn)(void *user, const struct evidence_line *line);

/* Returns how many files there are, or a negative errno. */
int evidence_read(const char *directory, evidence_line_fn each, void *user);

#endif
