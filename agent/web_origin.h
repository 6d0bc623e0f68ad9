/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Web origins as browsers write them (RFC 6454 section 6.2, WHATWG URL): scheme, host and a port
 * that is not the default one. Only that very form is taken, so that two texts that differ are two
 * origins, and none can look like another to a reader of rules.
 */
#ifndef AGENT_WEB_ORIGIN_H
#define AGENT_WEB_ORIGIN_H

#include <stdbool.h>

#include "base/fail.h"

/* Longest origin, as text. */
#define WEB_ORIGIN_MAX 280

/*
 * CPS_INVALID_PARAMS with the reason in words when it is not one: https, or http to localhost when
 * http_localhost is set.
 */
cps_error web_origin_check(const char *origin, bool http_localhost, struct fail *fail);

/*
 * A pattern: an origin whose first labels of the host may be "*", each for exactly one label. Two
 * labels at the end are literal: a star for the domain itself would let anybody in.
 */
bool web_origin_pattern_is_valid(const char *pattern);
bool web_origin_fits(const char *pattern, const char *origin);

#endif
