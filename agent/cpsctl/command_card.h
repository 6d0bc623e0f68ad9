/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the command "card" share. */
#ifndef CPSCTL_COMMAND_CARD_H
#define CPSCTL_COMMAND_CARD_H

#include "agent/cpsctl/cpsctl.h"

/* Steals params. agreed: the holder's consent was given on the command line. */
int command_card_report(struct cpsctl *ctl, json_t *params, bool agreed);

#endif
