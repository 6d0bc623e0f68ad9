/* SPDX-License-Identifier: Apache-2.0 */
/* SELECT: how each generation names files, and what it tells of the one selected. */
#ifndef VCPS_SELECT_H
#define VCPS_SELECT_H

#include "fs.h"

/* Paths start at 3F00; P2 04 asks for file control parameters (tag 62). */
uint16_t select_cps3(struct fs *fs, const struct apdu *a, struct reply *r);

/* Paths leave 3F00 out; P2 00 asks for file control information (tag 6F). */
uint16_t select_cps4(struct fs *fs, const struct apdu *a, struct reply *r);

#endif
