/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows the store of authorities and the block list on the disk, and has a change take effect at
 * once: new logins, and the session that is open. SIGHUP asks for the same.
 */
#ifndef AGENT_TRUST_WATCH_H
#define AGENT_TRUST_WATCH_H

#include <jansson.h>

#include "agent/agent.h"

struct trust_watch;

/* trust_dir: the store. A directory that cannot be watched is a warning: SIGHUP remains. */
struct trust_watch *trust_watch_new(struct agent *agent, const char *trust_dir);
void trust_watch_free(struct trust_watch *watch);

/* Reads both again, in a moment, changed or not. */
void trust_watch_reload(struct trust_watch *watch);

/*
 * Looks again at who is logged in: a session whose card or holder has become blocked, untrusted or
 * revoked is closed.
 */
void trust_review(struct agent *agent);

/* The part of "status" on authorities, revocation and blocking. */
json_t *trust_json(const struct agent *agent);

#endif
