/* SPDX-License-Identifier: Apache-2.0 */
/* Terminals that a killed pinentry has left as they were while it drew on them. */
#ifndef AGENT_TERMINAL_H
#define AGENT_TERMINAL_H

/* Main screen, visible cursor, normal cursor keys and keypad (DEC private modes, ECMA-48). */
#define TERMINAL_RESTORE "\033[?1049l\033[?25h\033[?1l\033>"

#endif
