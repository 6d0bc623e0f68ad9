/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listener to which the browser brings the authorization response. It lives as long as its
 * login waits, then three seconds at most to show the last page. Wrong, slow or hostile visitors
 * are turned away and never end the wait.
 */
#ifndef OIDC_LOOPBACK_H
#define OIDC_LOOPBACK_H

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/fail.h"
#include "oidc/profile.h"

struct loopback_set; /* all the listeners of the process */
struct loopback;

struct loopback_set *loopback_set_new(sd_event *event);
void loopback_set_free(struct loopback_set *set);

/*
 * A callback arrived with this query (writable and wiped by the listener). Returns true when it is
 * the one awaited: there is then no further call. It must not release the listener.
 */
typedef bool loopback_fn(void *user, const char *query);

/* Opens a listener for one login. */
cps_error loopback_open(struct loopback_set *set, const struct profile *profile,
                        loopback_fn *callback, void *user, struct loopback **ret_loopback,
                        struct fail *fail);

/* "http://host:port/path", as it must stand in the authorization and token requests. */
const char *loopback_redirect_uri(const struct loopback *loopback);

/*
 * The login is over: no callback is made any more. When the awaited answer came, the listener
 * stays for the browser to fetch the last page; else it closes now. NULL is fine.
 */
void loopback_release(struct loopback *loopback);

#endif
