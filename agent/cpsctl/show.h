/* SPDX-License-Identifier: Apache-2.0 */
/* The shapes of the API in words, on standard output. Strings come from outside: made safe. */
#ifndef CPSCTL_SHOW_H
#define CPSCTL_SHOW_H

#include <jansson.h>

/* A practice situation in a few words, in the caller's buffer: structure, identifier, sector. */
#define SHOW_PRACTICE_LEN 600
const char *show_practice_text(const json_t *practice, char text[SHOW_PRACTICE_LEN]);

/* A session, or that nobody is logged in when it is null. */
void show_session(const json_t *session);

/* Authorities, block list, revocation lists. */
void show_trust(const json_t *trust);
void show_revocation(const json_t *revocation);

/* A card, who holds it and for how long it is valid. */
void show_card(const json_t *card);

/* policy.pin of status: how long a PIN typed once serves, and for which cards one does now. */
void show_pin_policy(const json_t *policy);

/* policy.programs of status: the files of policy.d that have a mistake. Nothing when all are well.
 */
void show_program_rules(const json_t *rules);

/* An error by its name, and what to do about it; nothing when there is no such error. */
void show_advice(const char *name);

/* An event of the API: when and what, and who or which card it leaves. */
void show_event(const char *method, const json_t *params);

/* The identity providers of a status, one line each. */
void show_providers(const json_t *status);

#endif
