/* SPDX-License-Identifier: Apache-2.0 */
/* The evidence log for people to read: one line of text for each of its lines. */
#ifndef CPSCTL_EVIDENCE_SHOW_H
#define CPSCTL_EVIDENCE_SHOW_H

/*
 * Prints the lines of that period (NULL: without that end) on standard output. Returns how many
 * files there are, or a negative errno.
 */
int evidence_show(const char *directory, const char *from, const char *to);

#endif
