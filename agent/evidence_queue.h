/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the evidence log on their way to the disk. An event becomes a line, with its place in
 * the chain and its signature if it is a checkpoint, when it is taken to be sent: where the log
 * really ends is only known then.
 */
#ifndef AGENT_EVIDENCE_QUEUE_H
#define AGENT_EVIDENCE_QUEUE_H

#include <jansson.h>
#include <stdbool.h>

#include "agent/evidence/chain.h"
#include "agent/keys.h"

struct evidence_queue;

/* station is copied; keys must outlive the queue. NULL: no memory. */
struct evidence_queue *evidence_queue_new(struct keys *keys, const char *station);
void evidence_queue_free(struct evidence_queue *queue);

/* One event at this moment; members (borrowed) may be NULL. */
void evidence_queue_add(struct evidence_queue *queue, const char *event, const json_t *members);

/* Lines not known to be on disk. */
unsigned evidence_queue_size(const struct evidence_queue *queue);

/* The next lines for one packet, an array of texts, marked as sent; empty when all are. */
json_t *evidence_queue_take(struct evidence_queue *queue);

/* What was sent is on disk. */
void evidence_queue_drop_sent(struct evidence_queue *queue);

/* The last line that is on disk. Borrowed. */
const struct evidence_head *evidence_queue_written(const struct evidence_queue *queue);

/*
 * Where the log really ends is what counts: lines of ours that made it there are done with, the
 * others are made anew behind it.
 */
void evidence_queue_resume(struct evidence_queue *queue, const struct evidence_head *head);

#endif
