/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths of programs, and what cards and providers say of themselves, may be of any length: an event
 * that would not fit in a line of the evidence log is cut, for neither it nor the log may be lost.
 */
#ifndef AGENT_EVIDENCE_FIT_H
#define AGENT_EVIDENCE_FIT_H

#include <jansson.h>
#include <stddef.h>

/*
 * The event itself, when its text has max bytes at most. Else a copy with "cut": true, whose texts
 * keep their first EVIDENCE_KEPT bytes; or with what every event has, if that is still too much.
 * The caller owns it.
 */
#define EVIDENCE_KEPT 256
json_t *evidence_fit(json_t *event, size_t max);

#endif
