/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the evidence log was known to go, kept in the state directory apart from the log: one
 * that has become shorter since, or is another one, was cut or put back from an older copy. Whoever
 * can write here can write there too: this tells accidents and clumsiness, a copy elsewhere the
 * rest.
 */
#ifndef AGENT_EVIDENCE_KNOWN_H
#define AGENT_EVIDENCE_KNOWN_H

#include <stdbool.h>

#include "agent/evidence/chain.h"
#include "agent/state_store.h"

#define EVIDENCE_KNOWN_FILE "evidence-head"

/* What is known of the log in that directory; false, and untouched, when nothing is. */
bool evidence_known_load(const char *state_dir, const char *directory,
                         struct evidence_head *ret_head);

void evidence_known_save(struct state_store *store, const char *directory,
                         const struct evidence_head *head);

/* Whether a log with that end has lost lines that were known. */
bool evidence_known_lost(const struct evidence_head *known, const struct evidence_head *found);

#endif
