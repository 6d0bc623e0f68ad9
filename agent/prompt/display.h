/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a question appears: the screen or terminal of the program that asked, not that of the
 * agent, which may be older than the graphical session. See "display" in base/proto.h.
 */
#ifndef PROMPT_DISPLAY_H
#define PROMPT_DISPLAY_H

#include <jansson.h>
#include <stdbool.h>

/*
 * Puts the display of the request in the environment for the programs started later. A request
 * that names any screen or terminal replaces the agent's own screen altogether.
 */
void display_apply(const json_t *display);

/* True when there is a graphical screen to ask on. */
bool display_has_screen(void);

/* True when the X server is reached through the network, as it is under ssh -X. */
bool display_is_remote(void);

/* A copy of the terminal's settings, to give it back as it was after a pinentry was killed. */
struct terminal;

/* NULL when there is no such terminal; then there is nothing to restore. */
struct terminal *terminal_save(const char *path);

/*
 * Restores and frees; NULL is fine. Settings that differ show a pinentry that was killed while it
 * drew: its screen is taken away too.
 */
void terminal_restore(struct terminal *terminal);

#endif
