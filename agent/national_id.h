/* SPDX-License-Identifier: Apache-2.0 */
/*
 * National identifiers of professionals, as the common name of a card's certificate holds them: a
 * digit that tells the register, then the number in it. An employee known to a structure only has
 * the identifier of the structure, a slash, and a number within it.
 */
#ifndef AGENT_NATIONAL_ID_H
#define AGENT_NATIONAL_ID_H

#include <stdbool.h>

#define NATIONAL_ID_MAX 64

/* The form of one: it begins with a digit and has enough of them to be a number in a register. */
bool national_id_valid(const char *text);

/*
 * The register: "RPPS", "ADELI", "FINESS", "SIREN", "SIRET", or NULL when the form tells none. Of
 * the type digits, 8 is attested; the others are what the sector's exchange formats use.
 */
const char *national_id_type(const char *id);

/*
 * As typed by a person, who often leaves the type digit out: eleven digits are an RPPS number and
 * get their 8. False when it is no identifier.
 */
bool national_id_normalise(const char *text, char ret_id[static NATIONAL_ID_MAX + 1]);

#endif
