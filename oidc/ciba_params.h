/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a CIBA login, and the two numbers of the provider's answer. */
#ifndef OIDC_CIBA_PARAMS_H
#define OIDC_CIBA_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#define CIBA_IDENTIFIER_MAX 64

/* Used when the provider gives none, and the bounds of what it gives. */
#define CIBA_EXPIRES_S      120
#define CIBA_EXPIRES_MAX_S  600
#define CIBA_INTERVAL_S     5
#define CIBA_INTERVAL_MAX_S 60

/* A national identifier: letters, digits and '/', at most CIBA_IDENTIFIER_MAX. */
bool ciba_identifier_valid(const char *text);

/* Exactly two digits. */
bool ciba_binding_valid(const char *text);

bool ciba_channel_valid(const char *text);

/*
 * The identifier as PSC wants it, in hint: eleven digits are an RPPS number, which gets the 8 in
 * front that its users leave out. False when it is no identifier.
 */
bool ciba_normalise(const char *text, char hint[static CIBA_IDENTIFIER_MAX + 1]);

/* expires_in and interval within their bounds. */
int64_t ciba_clamp_expires(int64_t seconds);
int64_t ciba_clamp_interval(int64_t seconds);

#endif
