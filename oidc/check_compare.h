/* SPDX-License-Identifier: Apache-2.0 */
/* What a check found, and the comparison of a discovery document with a profile. */
#ifndef OIDC_CHECK_COMPARE_H
#define OIDC_CHECK_COMPARE_H

#include <jansson.h>

#include "oidc/profile.h"

/* ok: as it should be; note: worth knowing, logins work; problem: logins fail, or will. */
enum finding_level { FINDING_OK, FINDING_NOTE, FINDING_PROBLEM };

#define FINDINGS_MAX 32

/* Adds {level, code, detail?} to a list of findings. detail: short and untranslated, or NULL. */
void finding_add(json_t *findings, enum finding_level level, const char *code, const char *detail);

/* The same for an error: its reason, or its code, and its first cause. */
void finding_add_fail(json_t *findings, const char *code, const struct fail *fail);

/*
 * What the document says of itself against what the profile uses. A provider lists more, or less,
 * than it does: no more than a note, but for what would make every login fail.
 */
void check_compare(const struct profile *profile, const json_t *document, json_t *findings);

/* The difference between the clock of a server (its Date header) and ours. */
void check_clock(const struct profile *profile, int64_t date_at, json_t *findings);

#endif
