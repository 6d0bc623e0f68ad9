/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions to the user, one on the screen at a time, first come, first served; each is a
 * cps-prompt process of its own. The agent never sees a PIN: it only hands the end of a pipe over.
 */
#ifndef AGENT_PROMPTER_H
#define AGENT_PROMPTER_H

#include <jansson.h>

#include "agent/agent.h"
#include "agent/child.h"

struct prompt;

/*
 * Asks a question ("pin", "change", "message" or "confirm" with their params, base/proto.h; the
 * pinentry program, its time-out and the display are filled in). pass_fd (or -1) is duplicated.
 * done: as for child_call().
 */
struct prompt *prompt_ask(struct agent *agent, const char *op, json_t *params, json_t *display,
                          int pass_fd, call_done done, void *user);

/* Opens a page with the configured browser command. */
struct prompt *prompt_browse(struct agent *agent, const char *url, json_t *display, call_done done,
                             void *user);

/* Takes the question off the screen or out of the queue; done is not called. NULL is fine. */
void prompt_cancel(struct prompt *prompt);

#endif
