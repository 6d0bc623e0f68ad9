/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a session lasts: until SESSION_MAX_S after the strong login, whatever is refreshed, and
 * no longer than a time without use. Time goes on while the machine sleeps.
 */
#ifndef AGENT_SESSION_CLOCK_H
#define AGENT_SESSION_CLOCK_H

#include <systemd/sd-event.h>

#include "agent/session.h"

/* Longest, and default, time without use (minutes). */
#define SESSION_IDLE_MINUTES 30

/* How long before the end programs are told of it. */
#define SESSION_WARNING_S 120

struct session_clock_class {
    /* It ends at that time (seconds since 1970) unless it is used (SESSION_IDLE) or for good
     * (SESSION_EXPIRED). Called once for each end that comes near. */
    void (*ending)(void *user, enum session_input why, int64_t ends_at_s);
    void (*ended)(void *user, enum session_input why);
};

struct session_clock {
    const struct session_clock_class *class;
    void *user;
    sd_event_source *timer;
    int64_t expires_ms; /* boot time */
    int64_t idle_ms;    /* time without use */
    int64_t used_ms;    /* boot time of the last use */
    bool warned;
};

/* Starts it, at a use; expires_at_s: seconds since 1970. */
void session_clock_start(struct session_clock *clock, sd_event *event, int64_t expires_at_s,
                         int64_t idle_ms, const struct session_clock_class *class, void *user);
void session_clock_stop(struct session_clock *clock);

/* What the timer does: looks at the time, and tells what is to be told. */
void session_clock_look(struct session_clock *clock);

/* It is being used. */
void session_clock_touch(struct session_clock *clock);

#endif
