/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the phone of one person may ring in an hour, whoever asks for it and however it ends:
 * somebody who is asked again and again ends up saying yes. An agent that is started again goes on
 * counting.
 */
#ifndef AGENT_PUSH_LIMIT_H
#define AGENT_PUSH_LIMIT_H

#include <stdint.h>

#include "agent/keys.h"
#include "agent/state_store.h"
#include "base/fail.h"

/* People remembered; with one more the oldest is forgotten, unless all are of this hour. */
#define PUSH_LIMIT_PEOPLE_MAX 256

#define PUSH_LIMIT_DEFAULT 10
#define PUSH_LIMIT_MAX     1000

struct push_limit;

/* state_dir: where it is read, once. store and keys are borrowed. NULL when memory is short. */
struct push_limit *push_limit_new(unsigned per_hour, const char *state_dir,
                                  struct state_store *store, const struct keys *keys);
void push_limit_free(struct push_limit *limit);

/* CPS_PUSH_LIMITED, with the time after which it may be tried again, when it may not ring now. */
cps_error push_limit_check(const struct push_limit *limit, const char *national_id,
                           struct fail *fail);

/* It is going to ring. */
void push_limit_count(struct push_limit *limit, const char *national_id);

#endif
