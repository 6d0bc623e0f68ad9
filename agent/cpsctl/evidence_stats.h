/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The indicators that a hospital declares, out of its evidence log: how many logins, unlocks and
 * step-ups, how many of them strong, how many by Pro Santé Connect (an e-Santé proxy included), how
 * long they take.
 * Counts and medians only: no person, not even under a pseudonym, is ranked or named.
 */
#ifndef CPSCTL_EVIDENCE_STATS_H
#define CPSCTL_EVIDENCE_STATS_H

#include <jansson.h>
#include <stdbool.h>

/*
 * from, to: RFC 3339 times or the beginning of one ("2026-11"), NULL: no limit; "to" is included. A
 * new object:
 *  {from, to, logins: PROOFS, unlocks: PROOFS, step_ups: PROOFS,
 *   sessions: {closed: {reason: n}}, statements, tokens}, where PROOFS is
 *  {total, ok, refused: {ERROR: n}, by_method: {card: n}, strong, strong_share, psc, psc_share,
 *   duration_ms: {median, p95}}
 * NULL with errno when the directory cannot be read.
 */
json_t *evidence_stats(const char *directory, const char *from, const char *to);

/* Whether a line of that time is between from and to. */
bool evidence_in_period(const char *at, const char *from, const char *to);

#endif
