/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of evidence lines for the machine's own log, from where a site collects them. */
#ifndef EVIDENCE_EXPORT_H
#define EVIDENCE_EXPORT_H

#include <jansson.h>
#include <stdbool.h>

enum export_target { EXPORT_NONE, EXPORT_JOURNAL, EXPORT_SYSLOG };

/* "none", "journal" or "syslog"; false for any other name. */
bool export_from_name(const char *name, enum export_target *ret_target);

/*
 * Sends each line as one message of facility authpriv: for the journal with the fields CPS_EVENT
 * and CPS_RESULT beside it. Whoever is not there or too slow to take it does not get it: the files
 * are the log. How many lines were not taken.
 */
unsigned export_lines(enum export_target target, const json_t *lines);

#endif
