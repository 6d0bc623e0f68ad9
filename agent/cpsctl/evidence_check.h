/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether an evidence log is whole and untouched. Lines that were changed, cut out, added or put in
 * another order break the chain; a chain made anew lacks the signatures. What was cut off at the
 * end, after the last signature, shows only against what the agent or another copy says was
 * written.
 */
#ifndef CPSCTL_EVIDENCE_CHECK_H
#define CPSCTL_EVIDENCE_CHECK_H

#include <jansson.h>
#include <stdint.h>

/*
 * jwks: the station's keys, known by another way than the log; written: the last line that the
 * agent says it wrote, 0 when nobody says so. A new object: {valid: bool, first, last, signed: seq
 * of the last line that a signature of a trusted key covers, files, problems: [{problem, file,
 * line, seq?}], notes: [{note, file, line, seq?}]} problem: "unreadable", "order", "chain",
 * "signature", "beginning" (lines before the first are missing and no line says that they were
 * old), "end" (lines that were written are missing), "unsigned" (no signature of a trusted key
 * covers anything), "empty". note: "torn" (a line that was being written when the power failed),
 * "lost" and "damage" (the agent said so then). NULL with errno when the directory cannot be read.
 */
json_t *evidence_check(const char *directory, const json_t *jwks, int64_t written);

#endif
