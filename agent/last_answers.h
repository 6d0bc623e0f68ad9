/* SPDX-License-Identifier: Apache-2.0 */
/* What a child still answered when nobody was there any more to be told. */
#ifndef AGENT_LAST_ANSWERS_H
#define AGENT_LAST_ANSWERS_H

/* Reads its answers to their end and logs what it could not do. channel: non-blocking. */
void last_answers_log(int channel, const char *program);

#endif
