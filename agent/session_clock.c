/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/session_clock.h"

#include "base/clock.h"

#define WARNING_MS ((int64_t)SESSION_WARNING_S * 1000)

static int64_t idle_end(const struct session_clock *clock)
{
    return clock->used_ms + clock->idle_ms;
}

static bool idles_first(const struct session_clock *clock)
{
    return idle_end(clock) < clock->expires_ms;
}

static int64_t end_of(const struct session_clock *clock)
{
    return idles_first(clock) ? idle_end(clock) : clock->expires_ms;
}

/* A warning that would come at the very start is none. */
static int64_t next_step(const struct session_clock *clock)
{
    int64_t end_ms = end_of(clock);

    return clock->warned || clock->idle_ms <= WARNING_MS ? end_ms : end_ms - WARNING_MS;
}

static void arm(struct session_clock *clock)
{
    int64_t left_ms = next_step(clock) - clock_boot_ms();

    (void)sd_event_source_set_time_relative(clock->timer,
                                            left_ms > 0 ? (uint64_t)left_ms * 1000 : 0);
    (void)sd_event_source_set_enabled(clock->timer, SD_EVENT_ONESHOT);
}

/* Uses since the timer was set have only put the end off: they cost no system call. */
void session_clock_look(struct session_clock *clock)
{
    enum session_input why = idles_first(clock) ? SESSION_IDLE : SESSION_EXPIRED;
    int64_t left_ms = end_of(clock) - clock_boot_ms();

    if (left_ms <= 0) {
        clock->class->ended(clock->user, why);
        return;
    }
    if (left_ms > WARNING_MS) {
        clock->warned = false; /* used since it was told, if it was */
    } else if (!clock->warned && clock->idle_ms > WARNING_MS) {
        clock->warned = true;
        clock->class->ending(clock->user, why, clock_real_s() + left_ms / 1000);
    }
    arm(clock);
}

static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    session_clock_look(user);
    return 0;
}

void session_clock_start(struct session_clock *clock, sd_event *event, int64_t expires_at_s,
                         int64_t idle_ms, const struct session_clock_class *class, void *user)
{
    int64_t left_s = expires_at_s - clock_real_s();

    if (left_s > SESSION_MAX_S)
        left_s = SESSION_MAX_S;
    *clock = (struct session_clock){.class = class, .user = user, .idle_ms = idle_ms};
    clock->used_ms = clock_boot_ms();
    clock->expires_ms = clock->used_ms + (left_s > 0 ? left_s * 1000 : 0);
    if (sd_event_add_time_relative(event, &clock->timer, CLOCK_BOOTTIME, 0, 1000000, on_time,
                                   clock) >= 0)
        arm(clock);
}

void session_clock_stop(struct session_clock *clock)
{
    clock->timer = sd_event_source_disable_unref(clock->timer);
}

void session_clock_touch(struct session_clock *clock)
{
    clock->used_ms = clock_boot_ms();
}
