/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a page in the user's browser by a configured command, never through a shell. */
#ifndef PROMPT_BROWSE_H
#define PROMPT_BROWSE_H

#include <jansson.h>

#include "base/fail.h"

/*
 * command: array of strings; "{url}" in an argument stands for the page and must be there. The page
 * must be http or https. CPS_OK when the program succeeds or is still running after a few seconds,
 * else PROMPT_UNAVAILABLE; CONFIGURATION when the command cannot be used.
 */
cps_error browse_open(const char *url, const json_t *command, struct fail *fail);

#endif
