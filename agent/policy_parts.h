/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several sections of one file about one program: the first that names it is its rule; one after it
 * that names nobody else, by the same words, is a part of that rule, for the audiences that it
 * names. What a part does not say is as the first section has it.
 */
#ifndef AGENT_POLICY_PARTS_H
#define AGENT_POLICY_PARTS_H

#include "agent/policy_file.h"
#include "base/config.h"

/*
 * The section of the file that this one, whose selectors are read, would be a part of. NULL: it is
 * the first about whom it names.
 */
struct policy_section *policy_parts_whole(struct policy_file *file,
                                          const struct policy_section *section);

/*
 * Makes a section, all read, a part of that one. CPS_CONFIGURATION: it names no audience, one that
 * another section about the same program names by the same word, or a key that goes by program
 * only.
 */
cps_error policy_parts_join(const struct config *config, struct policy_section *whole,
                            struct policy_section *part, struct fail *fail);

/*
 * Of a first section and its parts, the one for that audience: whose word fits it best. The
 * audience itself is better than a pattern, a longer pattern better than a shorter one, the earlier
 * of two alike. The first section when none fits; NULL when whole is.
 */
const struct policy_section *policy_parts_choose(const struct policy_section *whole,
                                                 const struct policy_peer *peer,
                                                 const char *audience);

#endif
